using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Sana.Acceptance.Support;
using Sana.Inference.Imaging;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Acceptance.Run;

/// <summary>A run's sentence, its error, its JSON, its records and its exit code say the same.</summary>
public sealed class SummariesTests(SmallCheckpoint checkpoint) : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(1, 0, 0)]
    [InlineData(3, 2, 3)]
    [InlineData(0, 2, 1)]
    public async Task A_generation_counts_what_it_made_and_what_it_left_out(int good, int bad, int exitCode)
    {
        await File.WriteAllLinesAsync(_folder.File("prompts.jsonl"), [
            .. Enumerable.Range(0, good).Select(i => $$"""{"prompt":"picture {{i}}"}"""), .. Enumerable.Range(0, bad).Select(i => $$"""{"prompt":"picture {{i}}","steps":-{{i + 1}}}""")]);

        var run = await SanaProgram.Run(
            "generate", "-c", checkpoint.Path, "--size", "64x64", "--steps", "1", "--no-binning", "--prompts", _folder.File("prompts.jsonl"), "--run", "counted", "--data", _folder.File("data"));

        Assert.True(run.ExitCode == exitCode, run.Error);
        await Agrees(run, "generate-counted", good, good + bad, "bad_request");
        Assert.Equal(good, Directory.GetFiles(_folder.File("data/blobs/runs/counted"), "*.png", SearchOption.AllDirectories).Length);
    }

    [Fact]
    public async Task A_curation_counts_what_is_in_its_shards_and_each_row_that_is_not()
    {
        var source = Directory.CreateDirectory(_folder.File("source")).FullName;
        for (var i = 0; i < 9; i++)
        {
            var file = i switch
            {
                3 => Noise(0), // the same pixels again
                4 => Noise(i)[..200], // cut
                5 => "no image"u8.ToArray(),
                _ => Noise(i),
            };
            await File.WriteAllBytesAsync(Path.Combine(source, $"{i}.png"), file);
            if (i != 6)
                await File.WriteAllTextAsync(Path.Combine(source, $"{i}.txt"), i == 7 ? "short" : $"a picture of noise, number {i}");
        }

        await File.WriteAllTextAsync(Path.Combine(source, "notes.toml"), "left = true");

        var run = await SanaProgram.Run("curate", source, "--dataset", "counted", "--dataset-version", "v1", "--filters", "datacomp-basic", "--data", _folder.File("data"));

        Assert.True(run.ExitCode == 3, $"{run.ExitCode} {run.Error}");
        var rows = new Curated(_folder.File("data/blobs"), "counted", "v1").Rows();
        var left = rows.Where(row => row.Status != "success").ToList();
        Assert.Equal(9, rows.Count);
        await Agrees(run, "curate-counted-v1", rows.Count - left.Count, rows.Count, [.. left.Select(row => row.Reason!).Distinct()]);
        var report = await File.ReadAllTextAsync(_folder.File("data/blobs/datasets/counted/v1/report.html"));
        Assert.All(left.GroupBy(row => row.Reason!), group => Assert.Contains(group.Key, report, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_curation_without_a_terminal_ends_each_stage_at_its_total()
    {
        Photographs.Fill(_folder.File("photos"), 12);
        await using var slow = await CaptionServer.Start(_ =>
        {
            Thread.Sleep(700); // lines begin after five seconds
            return Misbehaviour.None;
        });
        await File.WriteAllTextAsync(_folder.File("captioners.json"), $$"""{"captioners":[{"label":"slow","endpoint":"{{slow.Endpoint}}","model":"plain","concurrency":1}]}""");

        var run = await SanaProgram.Run("curate", _folder.File("photos"), "--captioners", _folder.File("captioners.json"), "--similar", "-1", "--data", _folder.File("data"));

        Assert.True(run.ExitCode == 0, run.Error);
        ProgressLines.EndAtTheirTotals(run.Error, "curate");
    }

    /// <summary>What was printed against what is known, and against what is printed later of the same run.</summary>
    private async Task Agrees(Finished run, string id, int made, int total, params string[] codes)
    {
        Assert.Equal(made, Number(Regex.Match(run.Output, @"(?m)(^|: )(?<made>\d+) images? in "), "made"));
        var status = await SanaProgram.Run("status", id, "--data", _folder.File("data"));
        var sentence = Regex.Match(status.Output, @"(?<made>\d+) images? in [^,;]+(, (?<left>\d+) left out \((?<codes>[^)]+)\))?; \w+ \S+\n$");
        Assert.True(sentence.Success, status.Output);
        Assert.Equal(made, Number(sentence, "made"));
        Assert.Equal(total - made, Number(sentence, "left"));
        AssertCodes(sentence.Groups["codes"].Value, codes, total - made);
        Assert.Equal(run.ExitCode, status.ExitCode);
        Assert.DoesNotMatch(@"\b0 (failed|left out|not made)\b", run.Output + run.Error + status.Output + status.Error);
        Assert.Equal(run.ExitCode == 0, !run.Error.Contains("sana: ", StringComparison.Ordinal));

        var output = JsonDocument.Parse((await SanaProgram.Run("status", id, "--json", "--data", _folder.File("data"))).Output).RootElement.GetProperty("output");
        Assert.Equal(made, output.GetProperty("succeeded").GetInt32());
        Assert.Equal(total - made, output.GetProperty("reasons").EnumerateObject().Sum(code => code.Value.GetInt32()));
    }

    private static void AssertCodes(string printed, string[] codes, int sum)
    {
        var counts = Regex.Matches(printed, @"(\w+) (\d+)");
        Assert.Equal(sum, counts.Sum(one => int.Parse(one.Groups[2].Value, CultureInfo.InvariantCulture)));
        if (sum > 0)
            Assert.Equal(codes.Order(StringComparer.Ordinal), counts.Select(one => one.Groups[1].Value).Order(StringComparer.Ordinal));
    }

    private static int Number(Match match, string group) => match.Groups[group] is { Success: true } found ? int.Parse(found.Value, CultureInfo.InvariantCulture) : 0;

    private static byte[] Noise(int seed)
    {
        var pixels = new byte[3 * 256 * 256];
        new Random(seed).NextBytes(pixels);
        return ImageCodec.Encode(new RgbImage(256, 256, pixels), ImageFormat.Png);
    }
}
