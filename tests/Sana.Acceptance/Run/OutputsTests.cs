using System.Diagnostics;
using System.Text.RegularExpressions;
using Sana.Acceptance.Support;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Acceptance.Run;

/// <summary>What commands write where nobody reads, where nobody watches, and in every language.</summary>
public sealed class OutputsTests(SmallCheckpoint checkpoint) : IDisposable
{
    private readonly TempFolder _folder = new();

    private string[] Generate => [.. Small, "--steps", "1"];

    private string[] Small => ["generate", "-c", checkpoint.Path, "--width", "64", "--height", "64", "--no-binning"];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(">&-")]
    [InlineData("| head -n 0")]
    [InlineData("> /dev/full")]
    public async Task A_standard_output_that_is_closed_or_full_is_no_fault(string where)
    {
        string[][] commands =
        [
            ["--help"], ["--version"], ["generate", "--help"],
            ["info", checkpoint.Path], ["info", checkpoint.Path, "--json"], ["build", checkpoint.Path],
            [.. Generate, "-p", "a cat", "-o", _folder.File("out")], [.. Generate, "-p", "a cat", "--json", "--data", _folder.File("data")],
            ["status", "--data", _folder.File("data")], ["queue", "--data", _folder.File("data"), "--json"],
            ["journal", "check", "--data", _folder.File("data")],
        ];

        foreach (var command in commands)
        {
            var run = await Shell($"set -o pipefail; {Quoted(command)} {where}");
            Assert.True((run.ExitCode, ProgressLines.Without(run.Error)) == (0, ""), $"{Quoted(command)} {where}: {run.ExitCode} {run.Error}");
        }

        // What failed keeps its exit code and its sentence.
        var failed = await Shell($"set -o pipefail; {Quoted([.. Generate, "-p", "a cat", "--seed", "x"])} {where}");
        Assert.Equal(2, failed.ExitCode);
        Assert.StartsWith("sana: ", failed.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Progress_without_a_terminal_ends_at_the_total()
    {
        await File.WriteAllLinesAsync(_folder.File("prompts.txt"), Enumerable.Range(0, 150).Select(i => $"prompt {i}"));

        // It takes more than five seconds, after which lines begin.
        string[] command = [.. Small, "--steps", "100", "--prompts", _folder.File("prompts.txt"), "--data", _folder.File("data"), "--run", "long"];
        using (var killed = SanaProgram.Start(command))
        {
            while (!Directory.Exists(_folder.File("data/blobs/runs/long/images")))
                await Task.Delay(20, TestContext.Current.CancellationToken);
            killed.Kill(entireProcessTree: true);
            await killed.WaitForExitAsync(TestContext.Current.CancellationToken);
        }

        Ends("generate-long", await SanaProgram.Run("resume", "generate-long", "--data", _folder.File("data")));
        Ends("generate", await SanaProgram.Run([.. command[..^4], "--seed", "1", "--out", _folder.File("out")]));
    }

    private static void Ends(string title, Finished run)
    {
        Assert.True(run.ExitCode == 0, run.Error);
        Assert.All(run.Error.TrimEnd().Split('\n'), line => Assert.Matches($@"^{title}: \w+ \d+/150$", line));
        ProgressLines.EndAtTheirTotals(run.Error, title);
    }

    [Fact]
    public async Task Numbers_in_records_reports_and_options_are_the_same_in_every_language()
    {
        string[] languages = ["C", "de_DE.UTF-8", "tr_TR.UTF-8", "ar_SA.UTF-8"];
        var trees = new List<(string[] Names, string Output)>();
        foreach (var language in languages)
        {
            var (output, place) = ("", _folder.File(language));
            string[][] commands =
            [
                [.. Small, "-p", "A TITLE IN ISTANBUL", "--guidance", "2.5", "--steps", "2", "--format", "JPG", "--json", "-o", Path.Combine(place, "made")],
                [
                    "curate", Path.Combine(Fixtures.Clip, "images"), "--dataset", "pictures", "--clip", Path.Combine(Repository.Root, "models", "tiny-clip"),
                    "--graphs", _folder.File("graphs"), "--threshold", "0.5", "--data", Path.Combine(place, "data"), "--out", Path.Combine(place, "curated"),
                ],
                [
                    "eval", "-c", checkpoint.Path, "--prompts-per-category", "1", "--images", "1", "--main-steps", "1", "--side", "64",
                    "--steps", "none", "--guidance", "1.5", "--sweep-prompts", "1", "--out", Path.Combine(place, "eval"),
                ],
                ["info", checkpoint.Path],
            ];
            foreach (var command in commands)
            {
                var run = await Shell($"LC_ALL={language} LANG={language} {Quoted(command)}");
                Assert.True(run.ExitCode is 0 or 1 or 3, $"{language}: {Quoted(command)}: {run.ExitCode} {run.Error}");
                // A slow machine has lines of progress besides.
                var text = Regex.Replace((run.Output + run.Error).Replace(place, "", StringComparison.Ordinal), @"(?m)^\w+: \w+ \d+/\d+\n", "");
                output += Regex.Replace(text, @"\d+\.\d s\b|[0-9.]+ [kMGT]?B are free|generate-[0-9a-f]{32}|""seconds"":[0-9.]+", "");
            }

            trees.Add(([.. Tree.Of(place).Where(IsOfNoClock)], output));
        }

        Assert.NotEmpty(trees[0].Names);
        Assert.All(trees, tree => Assert.Equal(trees[0].Names, tree.Names));
        Assert.All(trees, tree => Assert.Equal(trees[0].Output, tree.Output));
    }

    // Journals, timings and the report that quotes the clock are other bytes each time.
    private static bool IsOfNoClock(string line) =>
        !line.StartsWith("data/", StringComparison.Ordinal) && !line.Contains("timings/", StringComparison.Ordinal)
        && !line.Contains("report.html", StringComparison.Ordinal) && !line.Contains("/work/", StringComparison.Ordinal)
        && !line.Contains("manifest.json", StringComparison.Ordinal);

    private static string Quoted(string[] arguments) =>
        string.Join(' ', arguments.Prepend(SanaProgram.Executable).Select(argument => $"'{argument.Replace("'", "'\\''", StringComparison.Ordinal)}'"));

    private static async Task<Finished> Shell(string command)
    {
        var start = new ProcessStartInfo("bash", ["-c", command]) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        using var process = Process.Start(start)!;
        return await SanaProgram.Finish(process);
    }
}
