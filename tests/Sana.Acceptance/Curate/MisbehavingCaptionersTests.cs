using System.Security.Cryptography;
using System.Text.Json;
using Sana.Acceptance.Support;
using Sana.Jobs.Curation;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Acceptance.Curate;

/// <summary>Real photographs, three captioners over HTTP that do everything wrong, and a program that is killed again and again.</summary>
public sealed class MisbehavingCaptionersTests : IDisposable
{
    private const int Images = 200;
    private const int Kills = 5;
    private const int Concurrency = 8;
    private const int MaxAttempts = 2;

    // Each ask is repeated at most so often by the rules of the endpoint, and once more as a repair.
    private const int WorstAsk = 2 * MaxAttempts;

    private static readonly Dictionary<Misbehaviour, string> _codes = new()
    {
        [Misbehaviour.Refusal] = "caption_refusal",
        [Misbehaviour.Empty] = "caption_empty",
        [Misbehaviour.Cut] = "caption_truncated",
        [Misbehaviour.Looping] = "caption_repetition",
        [Misbehaviour.Leak] = "caption_leak",
        [Misbehaviour.Reasoning] = "caption_reasoning",
        [Misbehaviour.TooManyRequests] = "captioner_unavailable",
        [Misbehaviour.ServerError] = "captioner_unavailable",
        [Misbehaviour.Hang] = "captioner_timeout",
        [Misbehaviour.GarbageJson] = "bad_answer",
        [Misbehaviour.NoChoices] = "bad_answer",
    };

    private static readonly Misbehaviour[] _said = [Misbehaviour.Refusal, Misbehaviour.Empty, Misbehaviour.Cut, Misbehaviour.Looping, Misbehaviour.Leak, Misbehaviour.Reasoning];

    private static readonly Misbehaviour[] _kinds = [.. _codes.Keys];

    private static readonly string[] _models = ["plain", "vila", "intern"];

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Every_image_has_its_row_every_misbehaviour_its_code_and_a_kill_costs_what_was_in_flight()
    {
        Photographs.Fill(_folder.File("photos"), Images);
        await using var whole = await CaptionServer.Start(Plan);
        await using var killed = await CaptionServer.Start(Plan);

        await Run("whole", whole);
        await RunAndKill("killed", killed);
        var last = await Run("killed", killed);

        Assert.Equal("completed", last.GetProperty("status").GetString());
        Assert.Empty(whole.Complaints.Concat(killed.Complaints));
        var rows = Rows("killed");
        Assert.Equal(Images, rows.Select(row => row.GetProperty("source_uri").GetString()).Distinct().Count());
        foreach (var (call, row) in Asked(killed, rows))
            AssertCode(call, row);
        CheckCalls(whole, killed);
        Assert.Equal(Choices(Rows("whole")), Choices(rows));
    }

    /// <summary>What a run pays twice: asks that a kill met in flight, and those that an endpoint had not answered in a shard that was not through.</summary>
    private static void CheckCalls(CaptionServer whole, CaptionServer killed)
    {
        var (once, again) = (Count(whole, isAnswered: true), Count(killed, isAnswered: true));
        Assert.InRange(again, once, once + (Kills * _models.Length * Concurrency * WorstAsk));
        Assert.InRange(Count(killed, isAnswered: false), Count(whole, isAnswered: false), (Kills + 1) * Count(whole, isAnswered: false));

        static int Count(CaptionServer server, bool isAnswered) => server.Calls.Count(call => (Plan(call) is var fate && fate == Misbehaviour.None || _said.Contains(fate)) == isAnswered);
    }

    private static Misbehaviour Plan(CaptionCall call) => CaptionServer.Fate(call.Model, call.Image, _kinds, percent: 30);

    private async Task RunAndKill(string place, CaptionServer server)
    {
        var random = new Random(7);
        for (var kill = 0; kill < Kills; kill++)
        {
            using var process = SanaProgram.Start(Arguments(place, server));
            var target = server.Calls.Count + random.Next(20, 200);
            while (server.Calls.Count < target && !process.HasExited)
                await Task.WhenAny(process.WaitForExitAsync(), Task.Delay(20));
            process.Kill();
            await SanaProgram.Finish(process);
        }
    }

    private async Task<JsonElement> Run(string place, CaptionServer server)
    {
        var run = await SanaProgram.Run(Arguments(place, server));
        Assert.True(run.ExitCode is 0 or 3, run.Error);
        return JsonDocument.Parse(run.Output).RootElement;
    }

    private string[] Arguments(string place, CaptionServer server)
    {
        var captioners = _models.Select(model => $$"""
            {"label": "{{model}}", "endpoint": "{{server.Endpoint}}", "model": "{{model}}", "concurrency": {{Concurrency}}, "deadline_seconds": 4, "max_attempts": {{MaxAttempts}},
             "price": {"per_million_input": 1, "per_million_output": 2} }
            """);
        var file = _folder.File($"{place}.captioners.json");
        File.WriteAllText(file, $$"""{"captioners": [{{string.Join(',', captioners)}}]}""");
        return ["curate", _folder.File("photos"), "--data", _folder.File(place), "--dataset", "photos", "--captioners", file, "--clip", Clip(), "--items", "64", "--similar", "-1", "--keep-images", "--json"];
    }

    private string Clip()
    {
        var folder = Directory.CreateDirectory(_folder.File("clip-tiny")).FullName;
        foreach (var file in Directory.EnumerateFiles(Path.Combine(Fixtures.Clip, "checkpoint")).Where(file => Path.GetExtension(file) != ".onnx"))
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)), overwrite: true);
        return folder;
    }

    private List<JsonElement> Rows(string place) =>
    [
        .. Directory.EnumerateFiles(_folder.File($"{place}/blobs/datasets/photos/v1/shards"), "*.jsonl").Order(StringComparer.Ordinal)
            .SelectMany(File.ReadLines).Select(line => JsonDocument.Parse(line).RootElement),
    ];

    /// <summary>Each misbehaviour that the server had for an image, with the image's row: the server knows an image by its bytes, which are the normalised file's.</summary>
    private IEnumerable<(CaptionCall Call, JsonElement Row)> Asked(CaptionServer server, List<JsonElement> rows)
    {
        var images = Directory.EnumerateFiles(_folder.File("killed/blobs/cache/images"), "*.jpg", SearchOption.AllDirectories)
            .ToDictionary(file => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(file))), file => Path.GetFileNameWithoutExtension(file));
        var bySource = rows.Where(row => row.TryGetProperty("sha256", out _) && row.GetProperty("status").GetString() != "duplicate").ToDictionary(row => row.GetProperty("sha256").GetString()!);
        return server.Calls.DistinctBy(call => (call.Model, call.Image)).Where(call => Plan(call) != Misbehaviour.None).Select(call => (call, bySource[images[call.Image]]));
    }

    private static void AssertCode(CaptionCall call, JsonElement row)
    {
        var candidate = row.GetProperty("candidates").EnumerateArray().Single(candidate => candidate.GetProperty("label").GetString() == call.Model);
        var codes = candidate.GetProperty("flags").EnumerateArray().Select(flag => flag.GetString())
            .Append(candidate.TryGetProperty("reason", out var reason) ? reason.GetString() : null);
        // A hang of many at once may open the circuit before the second attempt.
        Assert.True(codes.Contains(_codes[Plan(call)]) || (Plan(call) == Misbehaviour.Hang && codes.Contains("captioner_unavailable")), $"{Plan(call)} of {call.Model} became {candidate}.");
    }

    private static string Choices(List<JsonElement> rows) => string.Join('\n', rows.Select(row => row.TryGetProperty("caption", out var caption) ? caption.GetString() : row.GetProperty("reason").GetString()));
}
