using System.Text.Json;
using Sana.Inference;
using Sana.Inference.Judging;
using Sana.Jobs.Curation;
using Sana.Jobs.Generation;
using Sana.Jobs.Networks;
using Sana.Jobs.Queue;
using Sana.Storage.Blobs;
using Sana.Tests.Support;
using Sana.Tests.Workflows;
using Xunit;

namespace Sana.Tests.Judging;

/// <summary>Best of N: which candidate is kept, what becomes of the others, and that nothing about it depends on where a run was cut.</summary>
public sealed class BestOfTests : IDisposable
{
    private static readonly GenerateJob _job = new() { Prompts = PromptFile.Of(["one", "two"]), Images = 2, BatchSize = 3, BestOf = new BestOf(4) };

    private readonly TempFolder _folder = new();
    private readonly ClassifierGates _judges = new();

    public void Dispose()
    {
        _judges.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_best_candidate_is_kept_and_the_others_are_outcomes_with_their_scores(bool isLessBetter)
    {
        var renderer = new FakeRenderer { Judges = await _judges.Open(max: isLessBetter ? 1 : null) };

        var run = await Run("out", renderer, _job);

        var groups = Outcomes("out").Chunk(4).ToArray();
        Assert.Equal((4, 0, 0), (run.Made, run.Failed, run.Reasons.Count));
        Assert.Equal([3, 1, 3, 1, 3, 1, 3, 1], renderer.Batches.Select(batch => batch.Count));
        Assert.Equal([[0UL, 1, 2, 3], [4, 5, 6, 7], [0, 1, 2, 3], [4, 5, 6, 7]], groups.Select(group => group.Select(line => line.GetProperty("seed").GetUInt64()).ToArray()));
        Assert.All(groups, group =>
        {
            var best = isLessBetter ? group.MinBy(Score) : group.MaxBy(Score);
            Assert.Equal(Score(best), Score(Assert.Single(group, line => Status(line) == "succeeded")));
            Assert.All(group.Where(line => Status(line) != "succeeded"), line => Assert.Equal(("not_kept", "not_kept", JsonValueKind.Null), (Status(line), line.GetProperty("reason").GetString(), line.GetProperty("image").ValueKind)));
        });
        Assert.Equal(4, Directory.GetFiles(_folder.File("out"), "*.png", SearchOption.AllDirectories).Length);
        var manifest = JsonElement.Parse(File.ReadAllBytes(_folder.File($"out/{run.Manifest}")));
        Assert.Equal("{\"not_kept\":12,\"succeeded\":4}", manifest.GetProperty("status").GetRawText());
        Assert.Equal("{\"of\":4,\"keep\":1,\"judges\":[\"seen\"]}", manifest.GetProperty("config").GetProperty("best_of").GetRawText());
    }

    [Fact]
    public async Task Between_equals_the_next_judge_decides_and_at_last_the_place()
    {
        using var gate = await WithConstant();

        await Run("first", new FakeRenderer { Judges = gate }, _job with { BestOf = new BestOf(4) { Judges = ["same"], Keep = 2 } });
        await Run("second", new FakeRenderer { Judges = gate }, _job with { BestOf = new BestOf(4) { Judges = ["same", "seen"] } });

        Assert.All(Outcomes("first").Chunk(4), group => Assert.Equal(["succeeded", "succeeded", "not_kept", "not_kept"], group.Select(Status)));
        Assert.All(Outcomes("second").Chunk(4), group => Assert.Equal(group.Max(line => Score(line, 1)), Score(group.Single(line => Status(line) == "succeeded"), 1)));
    }

    [Fact]
    public async Task Where_too_few_are_within_the_limits_so_many_fail_as_are_missing()
    {
        var run = await Run("out", new FakeRenderer { Judges = await _judges.Open(max: 0) }, _job with { BestOf = new BestOf(4) { Keep = 2 } });

        Assert.Equal((8, 8), (run.Failed, run.Reasons[FaultReason.Policy]));
        Assert.All(Outcomes("out").Chunk(4), group => Assert.Equal(["failed", "failed", "not_kept", "not_kept"], group.Select(Status)));
        Assert.All(Outcomes("out"), line => Assert.Contains(" is above 0.", line.GetProperty("message").GetString(), StringComparison.Ordinal));
        Assert.Empty(Directory.GetFiles(_folder.File("out"), "*.png", SearchOption.AllDirectories));
    }

    [Theory]
    [InlineData(2, 1)]
    [InlineData(8, 1)]
    public async Task When_enough_are_good_enough_no_further_one_is_made(int together, int batches)
    {
        using var gate = await WithConstant();
        var renderer = new FakeRenderer { Judges = gate };

        await Run("out", renderer, _job with { Images = 1, BatchSize = together, BestOf = new BestOf(8) { Judges = ["same", "seen"], StopAt = 0.5 } });

        Assert.Equal(2 * batches, renderer.Batches.Count);
        Assert.All(Outcomes("out").Chunk(8), group =>
        {
            // The first is good enough, so the second is not asked for, although it may have been made with it.
            Assert.Equal(["succeeded", .. Enumerable.Repeat("not_kept", 7)], group.Select(Status));
            Assert.All(group[1..], line => Assert.Equal(("It was not asked for: enough before it were good enough.", false), (line.GetProperty("message").GetString(), line.TryGetProperty("scores", out _))));
        });
    }

    [Fact]
    public async Task Dying_at_any_write_and_running_again_keeps_the_same_images()
    {
        var gate = await _judges.Open(max: 0.9);
        await Run("whole", new FakeRenderer { Judges = gate }, _job);
        var (expected, deadline, crashed) = (await Tree.Of(Blobs("whole"), "runs/"), 1, true);

        for (; crashed; deadline += 3)
        {
            var blobs = new CrashingBlobs(Blobs($"{deadline}"), deadline, deadline % 2 == 0);
            await using (var host = await MemoryHost.Open(blobs, new FakeRenderer { Judges = gate }))
            {
                var (instance, _) = await GenerateSubmission.Start(host.Client, host.Blobs, new FakeRenderer { Judges = gate }.Fingerprint, _job, pace: null, default);
                crashed = await Task.WhenAny(blobs.Crash, host.Client.Wait(instance.Id)) == blobs.Crash;
            }

            await Run($"{deadline}", new FakeRenderer { Judges = gate }, _job);

            Assert.Equal(expected, await Tree.Of(Blobs($"{deadline}"), "runs/"));
        }

        Assert.InRange(deadline, 15, 200);
    }

    [Fact]
    public async Task A_candidate_that_is_made_again_is_decided_with_the_others()
    {
        var gate = await _judges.Open();
        var job = new GenerateJob { Prompts = PromptFile.Of(["broken"]), BestOf = new BestOf(3) };
        var failed = await Run("out", new FakeRenderer { Judges = gate }, job);
        await using var host = await MemoryHost.Open(Blobs("out"), new FakeRenderer { Judges = gate, Mends = true });
        var (instance, _) = await GenerateSubmission.Start(host.Client, host.Blobs, new FakeRenderer { Judges = gate }.Fingerprint, job, pace: null, default);
        await host.Client.Wait(instance.Id);

        Assert.True(await GenerateSubmission.Retry(host.Client, instance.Id, [FaultReason.Nan]));
        await host.Client.Wait(instance.Id);

        Assert.Equal((1, 1), (failed.Failed, failed.Reasons[FaultReason.Nan]));
        Assert.Equal(["not_kept", "not_kept", "succeeded"], Outcomes("out").Select(Status).Order());
        Assert.Equal(Outcomes("out").Max(line => Score(line)), Score(Outcomes("out").Single(line => Status(line) == "succeeded")));
        Assert.Single(Directory.GetFiles(_folder.File("out"), "*.png", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task A_job_keeps_one_image_of_each_of_its_seeds()
    {
        await using var host = new JobHost.Sqlite { Renderer = new FakeRenderer { Judges = await _judges.Open() } };
        await host.Queue.Send(new JobMessage { JobId = "a", Input = new JobInput { Prompt = "one", Seeds = [10, 20], BestOf = new BestOf(4) } });
        await host.Queue.Send(new JobMessage { JobId = "b", Input = new JobInput { Prompt = "one", Seeds = [10, 13], BestOf = new BestOf(4) } });
        await host.Queue.Send(new JobMessage { JobId = "c", Input = new JobInput { Prompt = "one", Seeds = [10, 100], BestOf = new BestOf(64) } });

        var turns = new[] { (await host.Turn())!, (await host.Turn())!, (await host.Turn())! };

        Assert.Equal([null, FaultReason.BadInput, FaultReason.Policy], turns.Select(turn => turn.Reason));
        var result = JobResult.Parse(await host.Blobs.Read("results/a.json", default));
        Assert.Equal((JobStatus.Succeeded, 8), (result.Status, result.Images.Count));
        Assert.Equal([10UL, 11, 12, 13, 20, 21, 22, 23], result.Images.Select(image => image.Seed));
        Assert.All(result.Images.Chunk(4), group => Assert.Equal(group.Max(image => image.Scores!.Single().Score), Assert.Single(group, image => image.Blob is not null).Scores!.Single().Score));
        Assert.All(result.Images.Where(image => image.Blob is null), image => Assert.Equal("not_kept", image.Reason));
    }

    [Fact]
    public async Task What_decides_the_choice_decides_the_run()
    {
        using var gate = await WithConstant();
        BestOf?[] all = [null, new(4), new(5), new(4) { Keep = 2 }, new(4) { Judges = ["seen"] }, new(4) { Judges = ["same", "seen"] }, new(4) { StopAt = 0.5 }];

        string[] ids = [.. all.Select(best => GenerateSubmission.Check(_job with { BestOf = best }, new FakeRenderer { Judges = gate }))];

        Assert.Equal(all.Length, ids.Distinct().Count());
        Assert.Equal(ids[1], GenerateSubmission.Check(_job with { BestOf = new BestOf(4) { Judges = ["same"] } }, new FakeRenderer { Judges = gate }));
    }

    [Theory]
    [InlineData(1, 1, "seen", "best_of 1 is not in 2…64.")]
    [InlineData(65, 1, "seen", "best_of 65 is not in 2…64.")]
    [InlineData(4, 4, "seen", "keep 4 of best_of 4 is not in 1…3.")]
    [InlineData(4, 0, "seen", "keep 0 of best_of 4 is not in 1…3.")]
    [InlineData(4, 1, "clip", "best_of: there is no judge 'clip'; there are seen.")]
    [InlineData(4, 1, "seen,seen", "best_of names a judge twice")]
    public async Task What_cannot_be_chosen_by_is_refused(int of, int keep, string judges, string sentence)
    {
        var gate = await _judges.Open();

        var error = Assert.Throws<InferenceException>(() => new BestOf(of) { Keep = keep, Judges = judges.Split(',') }.Resolve(gate.Card));

        Assert.StartsWith(sentence, error.Message, StringComparison.Ordinal);
        Assert.Contains("declare judges", Assert.Throws<InferenceException>(() => GenerateSubmission.Check(_job, new FakeRenderer())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_dataset_has_no_use_for_a_judge_of_prompts_and_images()
    {
        var settings = new CurationSettings { Captioners = """{"judges": [{"label": "fit", "kind": "clip", "checkpoint": "x"}]}""" };

        Assert.StartsWith("The judge 'fit' compares generated images with their prompts", Assert.Throws<SanaException>(settings.Check).Message, StringComparison.Ordinal);
    }

    private static string Status(JsonElement line) => line.GetProperty("status").GetString()!;

    private static double Score(JsonElement line) => Score(line, 0);

    private static double Score(JsonElement line, int judge) => line.GetProperty("scores")[judge].GetProperty("score").GetDouble();

    /// <summary>A judge that says the same of all, and the classifier.</summary>
    private async Task<Gate> WithConstant()
    {
        var seen = (await _judges.Open()).Card.Judges[0];
        var same = new Constant();
        return new Gate([(seen with { Label = "same", Column = "classifier__same", Fingerprint = same.Fingerprint }, same), (seen, new Borrowed(await _judges.Open()))], GateConfig.Withhold);
    }

    private FileBlobs Blobs(string place) => FileBlobs.Open(_folder.File(place));

    private Task<RunSummary> Run(string place, FakeRenderer renderer, GenerateJob job) => MemoryHost.Run(Blobs(place), renderer, job);

    private JsonElement[] Outcomes(string place) => [.. Directory.GetFiles(_folder.File($"{place}/runs"), "*.jsonl", SearchOption.AllDirectories).SelectMany(File.ReadLines).Select(line => JsonElement.Parse(line))];

    // No network says the same of every image.
    private sealed class Constant : IJudge
    {
        public string Name => "constant";

        public string Fingerprint => new('0', 64);

        public JudgeScale Scale { get; } = new("none", 0, 1);

        public double[] Score(JudgedImages images, CancellationToken cancellationToken = default) => [.. images.Images.Select(_ => 0.5)];

        public void Dispose()
        {
        }
    }

    // The classifier of a gate that stays open.
    private sealed class Borrowed(Gate gate) : IJudge
    {
        public string Name => "borrowed";

        public string Fingerprint => gate.Card.Judges[0].Fingerprint;

        public JudgeScale Scale { get; } = new("probability", 0, 1);

        public double[] Score(JudgedImages images, CancellationToken cancellationToken = default) =>
            [.. images.Images.Select(image => gate.Judge(image, "", cancellationToken).Scores[0].Score!.Value)];

        public void Dispose()
        {
        }
    }
}
