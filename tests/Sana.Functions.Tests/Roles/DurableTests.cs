using Microsoft.Extensions.Time.Testing;
using Sana.Functions.Tests.Host.Wire;
using Sana.Inference;
using Sana.Inference.Diffusion;
using Sana.Inference.Imaging;
using Sana.Jobs;
using Sana.Jobs.Curation;
using Sana.Jobs.Durable;
using Sana.Jobs.Generation;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Functions.Tests.Roles;

/// <summary>Orchestrations and activities as functions of the real worker: what goes over the wire, and what is made of it.</summary>
[Collection(BothApps.Turns)]
public sealed class DurableTests(BothApps apps)
{
    private WorkflowClient Client => new(() => apps.Host.Hub.Instances);

    [Fact]
    public async Task What_another_attempt_cannot_cure_is_not_tried_again()
    {
        var job = await GenerateSubmission.Write(apps.Blobs, Job() with { Options = new GenerateOptions { Width = 63 } }, default);

        var run = await Run(new GenerateRequest(job, new Pace()), "generate-odd");

        Assert.Equal((WorkflowStatus.Failed, "Sana.Inference.InferenceException"), (run.Status, run.ErrorType));
        Assert.StartsWith("Width 63 is not ", run.Error, StringComparison.Ordinal);
        var attempt = Assert.Single(apps.Host.Hub.Calls("generate-odd"));
        Assert.Equal(("PlanImages", typeof(InferenceException).FullName), (attempt.Activity, attempt.Failure!.ErrorType));
    }

    [Fact]
    public async Task What_another_attempt_can_cure_is_tried_again()
    {
        var job = await GenerateSubmission.Write(apps.Blobs, Job(), default);
        var late = "work/jobs/late.json";

        var running = Run(new GenerateRequest(late, new Pace()), "generate-late");
        while (apps.Host.Hub.Calls("generate-late").Count == 0)
            await Task.Delay(20);
        await apps.Blobs.Put(late, (await apps.Blobs.Read(job, default))!, default);
        await apps.Until(() => Task.FromResult(running.IsCompleted));

        Assert.Equal(WorkflowStatus.Completed, (await running).Status);
        var plans = apps.Host.Hub.Calls("generate-late").Where(call => call.Activity == "PlanImages").ToList();
        Assert.Equal([typeof(SanaException).FullName, null], plans.Select(call => call.Failure?.ErrorType));
    }

    [Fact]
    public async Task A_dataset_by_http_becomes_shards_and_its_values_are_written_in_camel_case_with_enumerations_by_name()
    {
        foreach (var (name, shade) in new[] { ("cat", 40), ("owl", 200) })
        {
            var pixels = Enumerable.Range(0, 512 * 512 * 3).Select(i => (byte)((i / 512 * shade) ^ i)).ToArray();
            await File.WriteAllBytesAsync(apps.Inbox.File($"{name}.png"), ImageCodec.Encode(new RgbImage(512, 512, pixels), ImageFormat.Png));
            await File.WriteAllTextAsync(apps.Inbox.File($"{name}.txt"), $"A photograph of one {name} in the sun.");
        }

        var (accepted, body) = await apps.Orchestrator.Json(HttpMethod.Post, "/v1/datasets/pets/runs", """{"source":"inbox","version":"v1"}""");
        Assert.True(accepted == 202, $"{body}");
        var run = await Client.Wait(CurationSubmission.InstanceId("pets", "v1"));

        Assert.True(run.Status == WorkflowStatus.Completed, run.Error);
        Assert.Equal((2, 0, 0), (run.ReadOutput<CurateSummary>().Succeeded, run.ReadOutput<CurateSummary>().Failed, run.ReadOutput<CurateSummary>().Rejected));
        Assert.Contains("\"stage\":\"Close\"", run.Input, StringComparison.Ordinal);
        Assert.Equal(["PlanShards", "IngestShard", "LinkDuplicates", "WriteShard", "CloseDataset"], apps.Host.Hub.Calls(run.Id).Select(call => call.Activity));
        Assert.All(apps.Host.Hub.Calls(run.Id), call => Assert.Null(call.Failure));
        Assert.All(apps.Host.Hub.Calls(run.Id).SelectMany(call => new[] { call.Input, call.Result! }).Append(run.Input).Append(run.Output!), json => Assert.DoesNotMatch("\"[A-Z]\\w*\":", json));
    }

    [Fact]
    public async Task Histories_that_finished_long_ago_are_purged_and_their_blobs_stay()
    {
        await Run(new GenerateRequest("work/jobs/none.json", new Pace()), "generate-purged", untilItEnds: false);
        await Client.Cancel("generate-purged", "the test");
        await Client.Wait("generate-purged");
        await Run(new GenerateRequest("work/jobs/none.json", new Pace()), "generate-kept", untilItEnds: false);
        var blobs = await Tree.Of(apps.Blobs, "work/");

        var nightly = await apps.Orchestrator.Invoke("PurgeHistories", new() { Json = """{"isPastDue":false}""" });
        Assert.Equal(StatusResult.Types.Status.Success, nightly.Result.Status);
        Assert.NotNull(await Client.Get("generate-purged"));
        await Purge(afterDays: 29);
        Assert.NotNull(await Client.Get("generate-purged"));
        await Purge(afterDays: 31);

        Assert.Null(await Client.Get("generate-purged"));
        Assert.False((await Client.Get("generate-kept"))!.IsFinished);
        Assert.Equal(blobs, await Tree.Of(apps.Blobs, "work/"));
        await Client.Cancel("generate-kept", "the test has ended");
    }

    private Task<RetentionCounts> Purge(int afterDays) =>
        new Retention(apps.Blobs, apps.Jobs, Client, new FakeTimeProvider(TimeProvider.System.GetUtcNow().AddDays(afterDays)), TimeSpan.FromDays(30)).Purge(default);

    private static GenerateJob Job() => new() { Prompts = PromptFile.Of(["a cat"]), Options = new GenerateOptions { Width = 64, Height = 32, Steps = 2 } };

    private async Task<WorkflowInstance> Run(GenerateRequest request, string id, bool untilItEnds = true)
    {
        var (instance, _) = await Client.Start(GenerateImages.Workflow, request, id);
        return untilItEnds ? await Client.Wait(id) : instance;
    }
}
