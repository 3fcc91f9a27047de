using System.Diagnostics;
using System.Text.Json;
using Sana.Acceptance.Support;
using Sana.Inference.Imaging;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Acceptance.Generate;

public sealed class AfterAKillTests(SmallCheckpoint checkpoint) : IDisposable
{
    private const int Kills = 8;

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(1, "")]
    [InlineData(2, "picture")]
    [InlineData(3, "control")]
    public async Task Killed_at_random_instants_a_run_ends_with_the_same_bytes(int seed, string from)
    {
        string[] picture = from switch
        {
            "picture" => ["--image", Picture(), "--strength", "0.8"],
            "control" => ["--control", $"{Control()}:0.8", "--control-image", Picture()],
            _ => [],
        };
        var clock = Stopwatch.StartNew();
        await Run("whole", picture);
        var length = clock.Elapsed;
        var random = new Random(seed);

        for (var i = 0; i < Kills; i++)
        {
            using var process = SanaProgram.Start([.. Arguments("killed"), .. picture]);
            if (!process.WaitForExit(length * random.NextDouble()))
            {
                process.Kill();
            }

            await SanaProgram.Finish(process);
        }

        await Run("killed", picture);
        Assert.Equal(Runs("whole"), Runs("killed"));
        Assert.Equal(Tree.Names(_folder.File("whole")), Tree.Names(_folder.File("killed")));
    }

    [Theory]
    [InlineData("INT", 130)]
    [InlineData("TERM", 143)]
    public async Task Asked_to_stop_it_stops_between_steps_and_goes_on_later(string signal, int exitCode)
    {
        await Run("whole");
        using var process = SanaProgram.Start(Arguments("stopped"));
        await FirstSettledImage("stopped");
        SanaProgram.Signal(process, signal);

        var stopped = await SanaProgram.Finish(process);
        var report = await Run("stopped");

        Assert.Equal(exitCode, stopped.ExitCode);
        Assert.Contains("goes on from here", stopped.Error, StringComparison.Ordinal);
        Assert.InRange(report.GetProperty("skipped").GetInt32(), 1, 47);
        Assert.Equal(Runs("whole"), Runs("stopped"));
    }

    [Fact]
    public async Task The_same_command_again_renders_nothing_and_changes_nothing()
    {
        await Run("out");
        var first = Tree.Of(_folder.File("out"));

        var report = await Run("out");

        Assert.Equal((0, 48), (report.GetProperty("made").GetInt32(), report.GetProperty("skipped").GetInt32()));
        Assert.Equal(first, Tree.Of(_folder.File("out")));
    }

    [Fact]
    public async Task Two_runs_into_one_folder_at_once_end_with_the_same_bytes()
    {
        await Run("whole");

        await Task.WhenAll(Run("shared"), Run("shared"));

        Assert.Equal(Runs("whole"), Runs("shared"));
    }

    private string[] Arguments(string place) =>
    [
        "generate", "-c", checkpoint.Path, "-p", "a red cat", "-p", "一只猫", "--images", "24", "--batch", "2", "--width", "64", "--height", "96", "--steps", "8", "--no-binning",
        "-o", _folder.File(place), "--json",
    ];

    private string Control()
    {
        var folder = _folder.File("hed");
        SmallCheckpoint.CopyTo(folder, source: Path.Combine(Fixtures.Adapters, "controlnet"));
        return folder;
    }

    private string Picture()
    {
        var path = _folder.File("picture.png");
        File.WriteAllBytes(path, ImageCodec.Encode(new RgbImage(40, 60, [.. Enumerable.Range(0, 40 * 60 * 3).Select(i => (byte)(i * 7))]), ImageFormat.Png));
        return path;
    }

    private async Task<JsonElement> Run(string place, params string[] more)
    {
        var run = await SanaProgram.Run([.. Arguments(place), .. more]);
        Assert.True(run.ExitCode == 0, run.Error);
        return JsonDocument.Parse(run.Output).RootElement;
    }

    private string[] Runs(string place) => [.. Tree.Of(_folder.File(place)).Where(line => line.StartsWith("runs/", StringComparison.Ordinal))];

    private async Task FirstSettledImage(string place)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        using var glance = new PeriodicTimer(TimeSpan.FromMilliseconds(5));
        Directory.CreateDirectory(_folder.File(place));
        while (!Directory.EnumerateFiles(_folder.File(place), "0000-0.json", SearchOption.AllDirectories).Any())
        {
            await glance.WaitForNextTickAsync(patience.Token);
        }
    }
}
