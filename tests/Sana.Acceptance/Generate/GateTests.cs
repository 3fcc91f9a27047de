using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Sana.Acceptance.Support;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Acceptance.Generate;

/// <summary>Judges of generated images, from the command line and over HTTP: what is outside a limit is held back on every way, after a kill too.</summary>
public sealed class GateTests : IDisposable
{
    private const string Generations = "/v1/images/generations";

    private readonly TempFolder _folder = new();
    private readonly SmallCheckpoint _checkpoint;

    public GateTests(SmallCheckpoint checkpoint)
    {
        _checkpoint = checkpoint;
        SmallCheckpoint.CopyTo(_folder.File("nsfw"), source: Path.Combine(Fixtures.Judges, "classifier"));
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Killed_and_resumed_a_run_holds_back_the_same_images_and_under_another_limit_it_does_not_go_on()
    {
        WriteJudges(max: null);
        var all = await Generate("all");
        double[] scores = [.. Outcomes("all").Select(Score).Order()];
        var limit = (scores[11] + scores[12]) / 2;
        WriteJudges(limit);
        var whole = await Generate("whole");
        using (var process = SanaProgram.Start([.. Arguments("killed"), "--data", _folder.File("data")]))
        {
            while (!Directory.Exists(_folder.File("killed/runs")) || Directory.GetFiles(_folder.File("killed/runs"), "0000-*.json", SearchOption.AllDirectories).Length < 4)
                await Task.Delay(5, TestContext.Current.CancellationToken);
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        }

        var status = await SanaProgram.Run("status", "--data", _folder.File("data"), "--json");
        var id = JsonElement.Parse(status.Output).GetProperty("instances")[0].GetProperty("id").GetString()!;
        WriteJudges(limit / 2);
        var refused = await SanaProgram.Run("resume", id, "--data", _folder.File("data"));
        WriteJudges(limit);
        var resumed = await SanaProgram.Run("resume", id, "--data", _folder.File("data"));

        Assert.Equal((24, 0), Counts(all));
        Assert.Equal((12, 12), Counts(whole));
        Assert.Equal(12, whole.GetProperty("reasons").GetProperty("policy").GetInt32());
        Assert.Equal(2, refused.ExitCode);
        Assert.Contains("judged by classifier__nsfw (up to ", refused.Error, StringComparison.Ordinal);
        Assert.Contains("go on with the first one, its precision and its judges", refused.Error, StringComparison.Ordinal);
        Assert.Contains($"{id} Completed", resumed.Output, StringComparison.Ordinal);
        Assert.Equal(Runs("whole"), Runs("killed"));
        Assert.Equal(12, Directory.GetFiles(_folder.File("killed"), "*.png", SearchOption.AllDirectories).Length);
        Assert.All(Outcomes("killed"), line => Assert.Equal(Score(line) > limit ? "policy" : null, line.GetProperty("reason").GetString()));
    }

    [Fact]
    public async Task A_server_answers_with_what_is_within_its_limits_and_says_what_is_not()
    {
        var ask = new { prompt = "a red cat", size = "64x64", steps = 2, n = 4, seed = 1 };
        await using var server = await SanaServer.Start(new { judges = Judges(max: null), outside_limits = "quarantine" });
        var (_, open, _) = await server.Send(HttpMethod.Post, Generations, ask);
        var scored = (await Job(server, open.GetProperty("parameters"))).GetProperty("images").EnumerateArray().OrderBy(Score).ToArray();
        Assert.Equal(4, scored.Length);
        var (worst, limit) = (scored[3].GetProperty("seed").GetUInt64(), (Score(scored[1]) + Score(scored[2])) / 2);
        await server.Terminate();
        await File.WriteAllTextAsync(Path.Combine(server.Data, "sana.json"), JsonSerializer.Serialize(new { judges = Judges(limit), outside_limits = "quarantine" }), TestContext.Current.CancellationToken);
        await server.Again();

        var (status, some, _) = await server.Send(HttpMethod.Post, Generations, ask);
        var (refused, error, _) = await server.Send(HttpMethod.Post, Generations, new { ask.prompt, ask.size, steps = 2, seed = worst });
        using var streamed = await server.Http.PostAsJsonAsync(Generations, new { ask.prompt, ask.size, steps = 2, seed = scored[0].GetProperty("seed").GetUInt64(), stream = true, partial_images = 2 }, TestContext.Current.CancellationToken);
        var events = await streamed.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        await server.Crash();
        var (again, _, _) = await server.Send(HttpMethod.Post, Generations, new { ask.prompt, ask.size, steps = 2, seed = worst });
        await server.Send(HttpMethod.Put, "/v1/batches/judged", new { prompts = new[] { ask.prompt }, seeds = new[] { 1 }, settings = new { width = 64, height = 64, steps = 2, images = 4 } });
        var batch = await server.Until("/v1/batches/judged", "succeeded");

        Assert.Equal((HttpStatusCode.OK, 2), (status, some.GetProperty("data").GetArrayLength()));
        Assert.Equal(scored[2..].Select(image => image.GetProperty("seed").GetUInt64()).Order(), some.GetProperty("parameters").GetProperty("missing").EnumerateArray().Select(image => image.GetProperty("seed").GetUInt64()).Order());
        Assert.Equal((HttpStatusCode.BadRequest, HttpStatusCode.BadRequest), (refused, again));
        Assert.Equal("content_policy_violation", error.GetProperty("error").GetProperty("code").GetString());
        Assert.Contains("Its classifier__nsfw ", error.GetProperty("error").GetProperty("message").GetString(), StringComparison.Ordinal);
        var held = await Job(server, error.GetProperty("error"));
        Assert.Equal(("failed", "policy", false), (held.GetProperty("status").GetString(), held.GetProperty("images")[0].GetProperty("reason").GetString(), held.GetProperty("images")[0].TryGetProperty("url", out _)));
        Assert.Equal(["partial_images"], streamed.Headers.GetValues("x-ignored-fields"));
        Assert.Contains("image_generation.completed", events, StringComparison.Ordinal);
        Assert.DoesNotContain("image_generation.partial_image", events, StringComparison.Ordinal);
        Assert.Equal((2, 2, 2), (batch.GetProperty("succeeded").GetInt32(), batch.GetProperty("failed").GetInt32(), batch.GetProperty("reasons").GetProperty("policy").GetInt32()));
        var kept = Directory.GetFiles(Path.Combine(server.Data, "blobs", "quarantine"), "*.png", SearchOption.AllDirectories);
        Assert.Equal(6, kept.Length); // two of the four, one alone and once more, two of the batch
        Assert.All(kept, file => Assert.Equal(HttpStatusCode.NotFound, server.Send(HttpMethod.Get, $"/v1/blobs/{Path.GetRelativePath(Path.Combine(server.Data, "blobs"), file)}").GetAwaiter().GetResult().Status));
    }

    [Fact]
    public async Task The_best_of_four_is_the_same_from_the_command_line_killed_or_not_and_over_HTTP()
    {
        WriteJudges(max: null);
        string[] best = ["--best-of", "4", "--judge", "nsfw"];
        var whole = await SanaProgram.Run([.. Arguments("whole"), .. best]);
        using (var process = SanaProgram.Start([.. Arguments("killed"), .. best]))
        {
            while (!Directory.Exists(_folder.File("killed/runs")) || Directory.GetFiles(_folder.File("killed/runs"), "0000-*.json", SearchOption.AllDirectories).Length < 10)
                await Task.Delay(5, TestContext.Current.CancellationToken);
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        }

        var resumed = await SanaProgram.Run([.. Arguments("killed"), .. best]);
        var alone = await SanaProgram.Run([.. Arguments("alone"), "--keep", "2"]);
        await using var server = await SanaServer.Start(new { judges = Judges(max: null) });
        var (status, some, _) = await server.Send(HttpMethod.Post, Generations, new { prompt = "a red cat", size = "64x64", steps = 2, n = 2, seed = 0, best_of = 4, judges = new[] { "nsfw" } });
        var (unknown, error, _) = await server.Send(HttpMethod.Post, Generations, new { prompt = "a red cat", size = "64x64", best_of = 4, judges = new[] { "clip" } });
        await server.Send(HttpMethod.Put, "/v1/batches/chosen", new { prompts = new[] { "a red cat" }, settings = new { width = 64, height = 64, steps = 2, images = 2, batch_size = 4, best_of = new { of = 4, keep = 1 } } });
        var batch = await server.Until("/v1/batches/chosen", "succeeded");

        Assert.True((whole.ExitCode, resumed.ExitCode, alone.ExitCode) == (0, 0, 2), whole.Error + resumed.Error + alone.Error);
        Assert.Contains("--keep is for --best-of", alone.Error, StringComparison.Ordinal);
        Assert.Equal((24, 72), (JsonElement.Parse(whole.Output).GetProperty("made").GetInt32(), JsonElement.Parse(whole.Output).GetProperty("not_kept").GetInt32()));
        Assert.Equal(Runs("whole"), Runs("killed"));
        foreach (var group in Outcomes("whole").Chunk(4))
            Assert.Equal(group.Max(Score), Score(Assert.Single(group, line => line.GetProperty("status").GetString() == "succeeded")));
        var images = (await Job(server, some.GetProperty("parameters"))).GetProperty("images").EnumerateArray().ToArray();
        Assert.Equal((HttpStatusCode.OK, 2, 8), (status, some.GetProperty("data").GetArrayLength(), images.Length));
        Assert.Equal(images.Chunk(4).Select(group => group.MaxBy(Score).GetProperty("seed").GetUInt64()), some.GetProperty("data").EnumerateArray().Select(image => image.GetProperty("seed").GetUInt64()));
        Assert.False(some.GetProperty("parameters").TryGetProperty("missing", out _));
        Assert.Equal((HttpStatusCode.BadRequest, "best_of"), (unknown, error.GetProperty("error").GetProperty("param").GetString()));
        Assert.Equal((2, 0, 6), (batch.GetProperty("succeeded").GetInt32(), batch.GetProperty("failed").GetInt32(), batch.GetProperty("not_kept").GetInt32()));
    }

    private static double Score(JsonElement image) => image.GetProperty("scores")[0].GetProperty("score").GetDouble();

    private static (int, int) Counts(JsonElement report) => (report.GetProperty("made").GetInt32() - report.GetProperty("failed").GetInt32(), report.GetProperty("failed").GetInt32());

    private static async Task<JsonElement> Job(SanaServer server, JsonElement answer) => (await server.Send(HttpMethod.Get, $"/v1/jobs/{answer.GetProperty("job_id").GetString()}")).Body;

    private object[] Judges(double? max) => [new { label = "nsfw", kind = "classifier", checkpoint = _folder.File("nsfw"), @class = JsonDocument.Parse(File.ReadAllBytes(_folder.File("nsfw/config.json"))).RootElement.GetProperty("id2label").GetProperty("1").GetString(), max }];

    private void WriteJudges(double? max) => File.WriteAllText(_folder.File("judges.json"), JsonSerializer.Serialize(new { judges = Judges(max) }));

    private string[] Arguments(string place) =>
    [
        "generate", "-c", _checkpoint.Path, "-p", "a red cat", "-p", "一只猫", "--images", "12", "--batch", "2", "--width", "64", "--height", "96", "--steps", "4", "--no-binning",
        "-o", _folder.File(place), "--judges", _folder.File("judges.json"), "--json",
    ];

    private async Task<JsonElement> Generate(string place)
    {
        var run = await SanaProgram.Run(Arguments(place));
        Assert.True(run.Output.Length > 0, run.Error);
        return JsonElement.Parse(run.Output);
    }

    private JsonElement[] Outcomes(string place) => [.. Directory.GetFiles(_folder.File($"{place}/runs"), "*.jsonl", SearchOption.AllDirectories).SelectMany(File.ReadLines).Select(line => JsonElement.Parse(line))];

    private string[] Runs(string place) => [.. Tree.Of(_folder.File(place)).Where(line => line.StartsWith("runs/", StringComparison.Ordinal))];
}
