using System.Globalization;
using System.Text.Json;
using Sana.Acceptance.Support;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Acceptance.Curate;

/// <summary>Two tasks of Florence-2 from one folder beside an endpoint, and a program that is killed again and again.</summary>
public sealed class LocalCaptionersTests : IDisposable
{
    private const int Images = 48;

    private static readonly int _kills = int.Parse(Environment.GetEnvironmentVariable("SANA_CURATE_KILLS") ?? "8", CultureInfo.InvariantCulture);

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_run_that_is_killed_again_and_again_has_the_captions_of_one_that_is_not()
    {
        Photographs.Fill(_folder.File("photos"), Images);
        var florence = Florence();
        await using var server = await CaptionServer.Start(_ => Misbehaviour.None);

        await Run("whole", server, florence);
        var random = new Random(11);
        for (var kill = 0; kill < _kills; kill++)
        {
            using var process = SanaProgram.Start(Arguments("killed", server, florence));
            await Task.WhenAny(process.WaitForExitAsync(TestContext.Current.CancellationToken), Task.Delay(random.Next(300, 2500), TestContext.Current.CancellationToken));
            process.Kill();
            await SanaProgram.Finish(process);
        }

        var last = await Run("killed", server, florence);

        Assert.Equal("completed", last.GetProperty("status").GetString());
        var (whole, killed) = (Candidates("whole"), Candidates("killed"));
        Assert.Equal(Images, whole.Count);
        Assert.Equal(whole, killed);
        Assert.All(whole.Values, candidates => Assert.True(candidates.Contains("short:", StringComparison.Ordinal) && candidates.Contains("long:", StringComparison.Ordinal)));
    }

    private string Florence()
    {
        var folder = Directory.CreateDirectory(_folder.File("florence-small")).FullName;
        foreach (var file in Directory.EnumerateFiles(Path.Combine(Fixtures.Florence, "checkpoint")).Where(file => Path.GetExtension(file) != ".onnx"))
            File.WriteAllBytes(Path.Combine(folder, Path.GetFileName(file)), File.ReadAllBytes(file));
        return folder;
    }

    private async Task<JsonElement> Run(string place, CaptionServer server, string florence)
    {
        var run = await SanaProgram.Run(Arguments(place, server, florence));
        Assert.True(run.ExitCode is 0 or 3, run.Error);
        return JsonDocument.Parse(run.Output).RootElement;
    }

    private string[] Arguments(string place, CaptionServer server, string florence)
    {
        var file = _folder.File($"{place}.captioners.json");
        File.WriteAllText(file, $$$"""
            {"captioners": [
              {"label": "endpoint", "endpoint": "{{{server.Endpoint}}}", "model": "plain"},
              {"label": "short", "kind": "onnx", "checkpoint": "{{{florence}}}", "task": "caption", "beams": 1, "language": "any", "min_words": 1, "decoding": {"max_tokens": 24}},
              {"label": "long", "kind": "onnx", "checkpoint": "{{{florence}}}", "task": "more_detailed_caption", "language": "any", "min_words": 1, "decoding": {"max_tokens": 40}}
            ]}
            """);
        return ["curate", _folder.File("photos"), "--data", _folder.File(place), "--dataset", "photos", "--captioners", file, "--items", "16", "--similar", "-1", "--json"];
    }

    // What each captioner said of each image, or why it said nothing.
    private SortedDictionary<string, string> Candidates(string place) => new(
        Directory.EnumerateFiles(_folder.File($"{place}/blobs/datasets/photos/v1/shards"), "*.jsonl").SelectMany(File.ReadLines)
            .Select(line => JsonDocument.Parse(line).RootElement)
            .Where(row => row.TryGetProperty("candidates", out _))
            .ToDictionary(
                row => row.GetProperty("source_uri").GetString()!,
                row => string.Join('\n', row.GetProperty("candidates").EnumerateArray().Select(one =>
                    $"{one.GetProperty("label")}: {Text(one, "text")}{Text(one, "raw")} {Text(one, "reason")}").Order(StringComparer.Ordinal))),
        StringComparer.Ordinal);

    private static string Text(JsonElement element, string key) => element.TryGetProperty(key, out var value) ? value.ToString() : "";
}
