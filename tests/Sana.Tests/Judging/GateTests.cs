using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Sana.Inference.Diffusion;
using Sana.Inference.Judging;
using Sana.Jobs.Generation;
using Sana.Jobs.Http;
using Sana.Jobs.Networks;
using Sana.Jobs.Queue;
using Sana.Storage.Blobs;
using Sana.Tests.Support;
using Sana.Tests.Workflows;
using Xunit;

namespace Sana.Tests.Judging;

/// <summary>Judges of generated images: what is scored, what is held back, and that nothing leads past them. The judge is the small classifier.</summary>
public sealed class GateTests : IDisposable
{
    private const string Column = "classifier__seen";

    private static readonly GenerateJob _job = new() { Prompts = PromptFile.Of(["one", "two", "three", "four", "five", "six"]), BatchSize = 2 };

    private readonly TempFolder _folder = new();
    private readonly ClassifierGates _judges = new();

    public void Dispose()
    {
        _judges.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Every_image_is_scored_and_without_limits_every_image_stays()
    {
        var run = await Run("out", await Open());

        var records = Records("out");
        Assert.Equal((6, 0), (run.Made, run.Failed));
        Assert.All(records, record => Assert.InRange(Score(record), 0, 1));
        Assert.True(records.Select(Score).Distinct().Count() > 3);
        var png = Encoding.UTF8.GetString(File.ReadAllBytes(Files("out", "*.png")[0]));
        Assert.Contains($"\"scores\":[{{\"judge\":\"{Column}\",\"score\":", png, StringComparison.Ordinal);
        var gate = JsonElement.Parse(File.ReadAllBytes(_folder.File($"out/{run.Manifest}"))).GetProperty("config").GetProperty("gate");
        Assert.Equal(("seen", "withhold"), (gate.GetProperty("judges")[0].GetProperty("label").GetString(), gate.GetProperty("outside_limits").GetString()));
        Assert.Equal(64, gate.GetProperty("judges")[0].GetProperty("fingerprint").GetString()!.Length);
    }

    [Fact]
    public async Task An_image_above_a_limit_is_not_written_and_is_an_outcome_with_its_score()
    {
        var limit = await Middle();

        var run = await Run("out", await Open(max: limit));

        Assert.Equal((6, 3), (run.Made, run.Failed));
        Assert.Equal(3, run.Reasons[FaultReason.Policy]);
        Assert.Equal(3, Files("out", "*.png").Length);
        Assert.False(Directory.Exists(_folder.File("out/quarantine")));
        var failed = Outcomes("out").Where(line => line.GetProperty("status").GetString() == "failed").ToArray();
        Assert.Equal(3, failed.Length);
        Assert.All(failed, line =>
        {
            var score = line.GetProperty("scores")[0];
            Assert.Equal((FaultReason.Policy, limit, JsonValueKind.Null), (line.GetProperty("reason").GetString(), score.GetProperty("max").GetDouble(), line.GetProperty("image").ValueKind));
            Assert.Equal(string.Create(CultureInfo.InvariantCulture, $"Its {Column} {score.GetProperty("score").GetDouble():0.####} is above {limit}."), line.GetProperty("message").GetString());
        });
    }

    [Fact]
    public async Task An_image_in_quarantine_is_kept_under_its_hash_and_is_not_served()
    {
        var limit = await Middle();

        await Run("out", await Open(max: limit, outside: GateConfig.Quarantine));

        var kept = Outcomes("out").Where(line => line.TryGetProperty("quarantined", out _)).Select(line => line.GetProperty("quarantined")).ToArray();
        Assert.Equal(3, kept.Length);
        var api = new BlobsApi(new ApiParts { Workflows = null!, Queue = null!, Blobs = Blobs("out"), Links = new SignedLinks(new byte[32], TimeProvider.System) });
        foreach (var file in kept)
        {
            var name = file.GetProperty("name").GetString()!;
            Assert.StartsWith("quarantine/runs/", name, StringComparison.Ordinal);
            Assert.Equal(file.GetProperty("sha256").GetString(), Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(_folder.File($"out/{name}")))));
            Assert.Equal(404, await Status(api, name));
        }

        Assert.Equal(3, Files("out/runs", "*.png").Length);
    }

    [Fact]
    public async Task A_second_run_and_a_retry_hold_back_the_same_images()
    {
        var gate = await Open(max: await Middle());
        await Run("out", gate);
        var before = await Tree.Of(Blobs("out"), "runs/");
        var again = await Run("out", gate);
        var renderer = Renderer(gate);
        await using var host = await MemoryHost.Open(Blobs("out"), renderer);
        var (instance, _) = await GenerateSubmission.Start(host.Client, host.Blobs, renderer.Fingerprint, _job, pace: null, default);
        await host.Client.Wait(instance.Id);

        Assert.Empty(renderer.Batches);
        Assert.True(await GenerateSubmission.Retry(host.Client, instance.Id, [FaultReason.Policy]));
        var retried = await host.Client.Wait(instance.Id);

        Assert.Equal((0, 6, 3), (again.Made, again.Skipped, again.Failed));
        Assert.Equal(3, retried.ReadOutput<GenerateSummary>().Failed);
        Assert.InRange(renderer.Batches.Sum(batch => batch.Count), 4, 6); // batches are rendered as a whole
        Assert.Equal(before, await Tree.Of(Blobs("out"), "runs/"));
    }

    [Fact]
    public async Task Another_judge_limit_or_end_is_another_run_and_a_name_is_none()
    {
        Gate?[] gates = [null, await Open(), await Open(max: 0.9), await Open(max: 0.8), await Open(min: 0.9), await Open(max: 0.9, outside: GateConfig.Quarantine), await Open(max: 0.9, label: 0), await Open(max: 0.9, name: "other")];

        string[] ids = [.. gates.Select(gate => GenerateSubmission.Check(_job, Renderer(gate)))];

        Assert.Equal(gates.Length, ids.Distinct().Count());
        Assert.Equal(ids[2], GenerateSubmission.Check(_job, Renderer(await Open(max: 0.9))));
        var moved = gates[2]!.Card with { Judges = [gates[2]!.Card.Judges[0] with { Model = "elsewhere" }] };
        Assert.Equal(gates[2]!.Card.FingerprintWith("f"), moved.FingerprintWith("f"));
    }

    [Fact]
    public async Task A_run_does_not_go_on_under_another_limit()
    {
        await using var host = await MemoryHost.Open(Blobs("out"), Renderer(await Open(max: 0.9)));
        var (instance, _) = await GenerateSubmission.Start(host.Client, host.Blobs, Renderer(await Open(max: 0.9)).Fingerprint, _job, pace: null, default);
        var ended = await host.Client.Wait(instance.Id);

        Assert.Null(GenerateSubmission.WhyNot(ended, Renderer(await Open(max: 0.9))));
        var why = GenerateSubmission.WhyNot(ended, Renderer(await Open(max: 0.8)));
        Assert.Contains($"in float32, judged by {Column} (up to 0.8): go on with the first one, its precision and its judges, or start another run.", why, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_job_without_an_image_within_the_limits_fails_and_says_which_limit()
    {
        await using var host = new JobHost.Sqlite { Renderer = Renderer(await Open(max: 0)) };
        await host.Queue.Send(new JobMessage { JobId = "a", Input = new JobInput { Prompt = "one", Seeds = [1, 2] } });

        await host.Turn();

        var result = JobResult.Parse(await host.Blobs.Read("results/a.json", default));
        Assert.Equal((JobStatus.Failed, FaultReason.Policy, false), (result.Status, result.Error!.Code, result.Error.Retryable));
        Assert.All(result.Images, image => Assert.Equal((null, FaultReason.Policy, Column, 0), (image.Blob, image.Reason, image.Scores!.Single().Judge, image.Scores!.Single().Max)));
        var fault = ImagesApi.Failed(result);
        Assert.Equal((400, "content_policy_violation", "policy"), (fault.Status, fault.OpenAICode, fault.Code));
        Assert.Matches($@"^No image was within the limits of this server\. Its {Column} 0\.\d+ is above 0\.$", fault.Message);
    }

    [Theory]
    [InlineData(false, 2)]
    [InlineData(true, 0)]
    public async Task What_is_not_done_is_not_shown_where_there_are_limits(bool hasLimit, int shown)
    {
        var gate = await Open(max: hasLimit ? 1 : null);
        await using var host = new JobHost.Sqlite { Renderer = new FakeRenderer { Judges = gate, ShowsPreviews = true } };
        await host.Queue.Send(new JobMessage { JobId = "a", Input = new JobInput { Prompt = "one", Seeds = [1, 2], Previews = 1 } });

        await host.Turn();

        Assert.Equal(shown, await host.Blobs.List("work/previews/", default).CountAsync());
        Assert.Equal(2, await host.Blobs.List("jobs/a/", default).CountAsync(blob => blob.Name.EndsWith(".png", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_score_that_is_no_number_is_outside_every_limit()
    {
        var card = (await Open(max: 1)).Card.Judges[0];
        using var gate = new Gate([(card, new Numberless())], GateConfig.Withhold);
        using var unlimited = new Gate([(card with { Max = null }, new Numberless())], GateConfig.Withhold);

        var run = await Run("out", gate);
        var recorded = await Run("recorded", unlimited);

        Assert.Equal((6, 0), (run.Failed, recorded.Failed));
        Assert.All(Records("recorded"), record => Assert.Equal(JsonValueKind.Null, record.GetProperty("scores")[0].GetProperty("score").ValueKind));
    }

    [Fact]
    public async Task The_pipeline_and_its_plans_are_of_one_gate()
    {
        using var checkpoint = BuiltCheckpoint.Copy(BuiltCheckpoint.Plain);
        using var plain = new NetworkLoader { Checkpoint = checkpoint.Folder };
        using var clip = new BuiltClip();
        var laion = JsonSerializer.Serialize(new { label = "laion", kind = "aesthetic", checkpoint = JudgeReference.Head("linear"), clip = clip.Folder });
        var fit = JsonSerializer.Serialize(new { label = "fit", kind = "clip", checkpoint = clip.Folder });
        using var judged = new NetworkLoader { Checkpoint = checkpoint.Folder, Gate = GateConfig.Parse($"{_judges.Text(max: 0.5)[..^1]}, {laion}, {fit}]", "judges", outside: null) };

        var (alone, model, renderer) = (await plain.ReadModel(default), await judged.ReadModel(default), await judged.LoadPipeline(default));

        Assert.Equal([Column, "aesthetic__laion", "clip__fit"], model.Gate!.Judges.Select(judge => judge.Column));
        Assert.Equal(model.Gate.FingerprintWith(alone.Fingerprint), model.Fingerprint);
        Assert.Equal((model.Fingerprint, model.Gate.Judges[0]), (renderer.Fingerprint, renderer.Judges!.Card.Judges[0]));
        var image = renderer.Generate([new ImageRequest("a cat", 0)], renderer.Resolve(new GenerateOptions { Width = 64, Height = 64, Steps = 1, UseResolutionBinning = false }), null, default)[0].Image!;
        Assert.Equal([Column, "aesthetic__laion", "clip__fit"], renderer.Judges.Judge(image, "a cat", default).Scores.Where(score => score.Score is not null).Select(score => score.Judge));
        Assert.NotSame(renderer.Judges, (await judged.LoadPipeline(default)).Judges);
        Assert.Null(alone.Gate);
    }

    [Theory]
    [InlineData("[]", "judges: captioners is missing or empty")]
    [InlineData("{\"captioners\": [{\"label\": \"a\", \"endpoint\": \"http://localhost:1/v1\", \"model\": \"m\"}]}", "There are no judges in it; name at least one under \"judges\".")]
    [InlineData("[{\"label\": \"a\", \"kind\": \"aesthetic\", \"checkpoint\": \"x.safetensors\"}]", "The judge 'a' reads vectors of CLIP: give its \"clip\"")]
    [InlineData("[{\"label\": \"a\", \"kind\": \"classifier\", \"checkpoint\": \"x\", \"class\": \"y\", \"min\": 1, \"max\": 0}]", "so no image would stay; lower it")]
    [InlineData("no-such-file.json", "no-such-file.json cannot be read")]
    public void A_setting_that_cannot_be_used_is_refused(string text, string part) =>
        Assert.Contains(part, Assert.Throws<SanaException>(() => GateConfig.Parse(text, "judges", outside: null)).Message, StringComparison.Ordinal);

    private static async Task<int?> Status(BlobsApi api, string name)
    {
        var context = new Microsoft.AspNetCore.Http.DefaultHttpContext();
        return (await api.Get(context.Request, name) as Microsoft.AspNetCore.Http.IStatusCodeHttpResult)?.StatusCode;
    }

    private static double Score(JsonElement record) => record.GetProperty("scores")[0].GetProperty("score").GetDouble();

    private static FakeRenderer Renderer(Gate? gate) => new() { Judges = gate };

    /// <summary>A limit that three of the six images are above.</summary>
    private async Task<double> Middle()
    {
        await Run("middle", await Open());
        double[] scores = [.. Records("middle").Select(Score).Order()];
        Assert.True(scores[2] < scores[3]);
        return (scores[2] + scores[3]) / 2;
    }

    private Task<Gate> Open(double? min = null, double? max = null, string outside = GateConfig.Withhold, int label = 1, string name = "seen") => _judges.Open(min, max, outside, label, name);

    private FileBlobs Blobs(string place) => FileBlobs.Open(_folder.File(place));

    private Task<RunSummary> Run(string place, Gate gate) => MemoryHost.Run(Blobs(place), Renderer(gate), _job);

    private string[] Files(string place, string pattern) => [.. Directory.EnumerateFiles(_folder.File(place), pattern, SearchOption.AllDirectories).Order(StringComparer.Ordinal)];

    private JsonElement[] Records(string place) => [.. Files(place, "0000-*.json").Select(file => JsonElement.Parse(File.ReadAllBytes(file)))];

    private JsonElement[] Outcomes(string place) => [.. Files(place, "*.jsonl").Where(file => file.Contains("/runs/", StringComparison.Ordinal)).SelectMany(File.ReadLines).Select(line => JsonElement.Parse(line))];

    // The small networks give finite numbers for every image.
    private sealed class Numberless : IJudge
    {
        public string Name => "numberless";

        public string Fingerprint => new('0', 64);

        public JudgeScale Scale { get; } = new("none", 0, 1);

        public double[] Score(JudgedImages images, CancellationToken cancellationToken = default) => [.. images.Images.Select(_ => double.NaN)];

        public void Dispose()
        {
        }
    }
}
