using System.Text.Json;
using Sana.Acceptance.Support;
using Sana.Inference.Imaging;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Acceptance.Curate;

/// <summary>What a run says it needs of the disk, what it leaves there, and <c>sana clean</c>.</summary>
public sealed class DiskTests : IDisposable
{
    private const int Images = 5;

    private readonly TempFolder _folder = new();

    public DiskTests()
    {
        var source = Directory.CreateDirectory(_folder.File("source")).FullName;
        for (var i = 0; i < Images; i++)
        {
            var pixels = new byte[3 * 64 * 64];
            new Random(i).NextBytes(pixels);
            File.WriteAllBytes(Path.Combine(source, $"{i}.png"), ImageCodec.Encode(new RgbImage(64, 64, pixels), ImageFormat.Png));
            File.WriteAllText(Path.Combine(source, $"{i}.txt"), $"noise number {i}");
        }
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_run_says_what_it_needs_and_leaves_no_images_behind()
    {
        var run = await Curate("v1");

        Assert.Equal(0, run.ExitCode);
        Assert.Matches(@"^curate: noise v1 needs about [0-9.]+ kB in folder .+: [0-9.]+ kB of shards and [0-9.]+ kB of normalised images until the version is published; [0-9.]+ [kMGT]?B are free\.\n", run.Error);
        Assert.False(Directory.Exists(_folder.File("out/cache/images")));
        Assert.True(File.Exists(_folder.File("out/datasets/noise/v1/shards/00000.tar")));
    }

    [Fact]
    public async Task Images_that_are_kept_are_removed_by_clean_and_nothing_else_is()
    {
        Assert.Equal(0, (await Curate("v1", "--keep-images")).ExitCode);
        var shards = await Files("datasets");
        Assert.Equal(Images, (await Files("cache/images")).Length);

        var counted = await Clean("--dry-run");
        Assert.Equal((Images, true), (counted.GetProperty("files").GetInt32(), counted.GetProperty("is_removed").GetBoolean()));
        Assert.Equal(Images, (await Files("cache/images")).Length);

        Assert.Equal(Images, (await Clean()).GetProperty("files").GetInt32());
        Assert.Empty(await Files("cache/images"));
        Assert.NotEmpty(await Files("work/datasets"));
        Assert.Equal(shards, await Files("datasets"));
        await Clean("--work");
        Assert.Empty(await Files("work/datasets"));
    }

    private Task<Finished> Curate(string version, params string[] more) => SanaProgram.Run(
        ["curate", _folder.File("source"), "--dataset", "noise", "--dataset-version", version, "--data", _folder.File("data"), "--out", _folder.File("out"), .. more]);

    /// <summary>What is said of normalised images.</summary>
    private async Task<JsonElement> Clean(params string[] more)
    {
        var run = await SanaProgram.Run(["clean", "--data", _folder.File("data"), "--json", .. more]);
        Assert.True(run.ExitCode == 0, run.Error);
        return JsonDocument.Parse(run.Output).RootElement.GetProperty("kinds")[0];
    }

    private Task<string[]> Files(string folder) => Task.FromResult(!Directory.Exists(_folder.File("out/" + folder)) ? [] : Directory
        .GetFiles(_folder.File("out/" + folder), "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal).ToArray());
}
