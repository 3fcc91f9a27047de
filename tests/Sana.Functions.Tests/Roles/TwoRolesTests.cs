using System.Text;
using System.Text.Json;
using Azure;
using Azure.Storage.Queues;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Sana.Functions.Http;
using Sana.Functions.Rendering;
using Sana.Functions.Tests.Infra;
using Sana.Functions.Tests.Replaying;
using Sana.Inference.Diffusion;
using Sana.Tests.Support;
using Sana.Workflows.Queue;
using Xunit;

namespace Sana.Functions.Tests.Roles;

/// <summary>Both apps as they are deployed, over one task hub and real blobs and a real queue: a batch by HTTP, its messages to the other app, its events back.</summary>
[Collection(OneAzurite.Turns)]
public sealed class TwoRolesTests(OneAzurite azurite) : IAsyncLifetime
{
    private App _orchestrator = null!;
    private App _gpu = null!;
    private ReplayingEngine _hub = null!;

    public async ValueTask InitializeAsync()
    {
        var blobs = await azurite.Fresh();
        _orchestrator = new App(azurite.Connection, blobs, "orchestrator", SettingsTests.List("gpuFunctions"));
        _gpu = new App(azurite.Connection, blobs, "gpu", SettingsTests.List("orchestratorFunctions"));
        var activities = new Activities(_orchestrator.Wiring, _orchestrator.Engine);
        _hub = new ReplayingEngine(
            (name, context) => Filtered(name, () => FunctionTable.Orchestrate(name, context)),
            (call, durable) => Filtered("RunStep", () => activities.Run(call, durable, new App.Invocation())),
            TimeProvider.System);
        await ModelCard.Write((await _gpu.Wiring.Get(default)).Blobs, new CheckpointFacts("fake", new string('f', 64), SolverKind.FlowDpm, 3, 0.5f, 2, 32, 1), default);
    }

    public ValueTask DisposeAsync()
    {
        _orchestrator.Dispose();
        _gpu.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task A_batch_by_http_becomes_images_and_a_manifest_in_blobs()
    {
        await _gpu.WarmedUp();
        var batches = new BatchFunctions(_orchestrator.Door);
        var asked = Request("PUT", """{"prompts":["a cat","an owl","a broken dog"],"settings":{"width":64,"height":32,"steps":2}}""");
        var (accepted, _) = await Answered(asked, batches.PutBatch(asked, "pets", _hub));

        await Pump(async () => (await Status(batches, "pets")) is "succeeded" or "failed");

        Assert.Equal(202, accepted);
        Assert.Equal("succeeded", await Status(batches, "pets"));
        var tree = await Tree.Of((await _gpu.Wiring.Get(default)).Blobs, "runs/pets/");
        Assert.Equal(2, tree.Split('\n').Count(line => line.Contains(".png ", StringComparison.Ordinal)));
        Assert.Contains("runs/pets/manifest.json ", tree, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_job_by_http_ends_with_links_that_open_without_a_key()
    {
        await _gpu.WarmedUp();
        var jobs = new JobFunctions(_orchestrator.Door);
        var asked = Request("POST", """{"input":{"prompt":"a cat","width":64,"height":32}}""");
        var (_, job) = await Answered(asked, jobs.PostJob(asked, _hub));
        var id = job.GetProperty("id").GetString()!;

        await Pump(async () => (await Job(jobs, id)).GetProperty("status").GetString() == "succeeded");

        var url = new Uri((await Job(jobs, id)).GetProperty("images")[0].GetProperty("url").GetString()!);
        Assert.Equal("https://func.example.net", url.GetLeftPart(UriPartial.Authority));
        var (name, blobs) = (url.AbsolutePath["/v1/blobs/".Length..], new BlobFunctions(_orchestrator.Door));
        Assert.Equal(200, (await Fetched(blobs, name, url.Query)).Status);
        Assert.Equal(401, (await Fetched(blobs, name, "")).Status);
    }

    [Fact]
    public async Task A_replica_that_cannot_render_sends_its_message_back_for_later_and_is_not_ready()
    {
        var queue = (await _gpu.Wiring.Get(default)).Queue;
        await queue.Send(new JobMessage { JobId = "j1", Input = new JobInput { Prompt = "a cat" } });

        await Turn();

        Assert.Equal(1, (await queue.Count()).Waiting);
        Assert.Null(await queue.Receive(TimeSpan.FromSeconds(1)));
        var services = new ServiceCollection().AddSingleton(_gpu.Warm).BuildServiceProvider();
        var request = Request("GET", "");
        Assert.Equal(503, (await Answered(request, new HealthFunctions(_gpu.Settings, _gpu.Wiring, services).Ready(request))).Status);
    }

    [Fact]
    public async Task A_message_that_is_no_job_is_buried_with_its_reason()
    {
        await _gpu.WarmedUp();
        var raw = new QueueClient(azurite.Connection, "sana-jobs");
        var queue = (await _gpu.Wiring.Get(default)).Queue;
        await raw.SendMessageAsync("hello");

        await Turn();

        Assert.Equal(new QueueCounts(0, 0, 1), await queue.Count());
    }

    private static HttpRequest Request(string method, string body)
    {
        var context = new DefaultHttpContext { RequestServices = new ServiceCollection().AddLogging().BuildServiceProvider() };
        (context.Request.Method, context.Request.Scheme, context.Request.Host, context.Request.ContentType) = (method, "http", new HostString("localhost", 41234), "application/json");
        context.Request.Body = new MemoryStream(Encoding.UTF8.GetBytes(body));
        context.Response.Body = new MemoryStream();
        return context.Request;
    }

    private static async Task<(int Status, JsonElement Body)> Answered(HttpRequest request, Task<IResult> answer)
    {
        await (await answer).ExecuteAsync(request.HttpContext);
        var bytes = ((MemoryStream)request.HttpContext.Response.Body).ToArray();
        return (request.HttpContext.Response.StatusCode, bytes is [(byte)'{', ..] ? JsonDocument.Parse(bytes).RootElement : default);
    }

    private async Task<(int Status, JsonElement Body)> Fetched(BlobFunctions blobs, string name, string query)
    {
        var request = Request("GET", "");
        request.QueryString = new QueryString(query);
        return await Answered(request, blobs.GetBlob(request, name, _hub));
    }

    private async Task<string> Status(BatchFunctions batches, string id)
    {
        var request = Request("GET", "");
        return (await Answered(request, batches.GetBatch(request, id, _hub))).Body.GetProperty("status").GetString()!;
    }

    private async Task<JsonElement> Job(JobFunctions jobs, string id)
    {
        var request = Request("GET", "");
        return (await Answered(request, jobs.GetJob(request, id, _hub))).Body;
    }

    /// <summary>Work items of the hub go to the app that has the function: the gpu app never sees one.</summary>
    private Task<JsonElement> Filtered(string function, Func<Task<JsonElement>> run)
    {
        Assert.False(_gpu.Has(function));
        return _orchestrator.Has(function) ? run() : throw new InvalidOperationException($"Nobody has {function}.");
    }

    /// <summary>The host of the gpu app: hands a message to the trigger's function and removes it when that ends without an exception.</summary>
    private async Task<bool> Turn()
    {
        Assert.True(_gpu.Has("RenderFromStorageQueue") && !_orchestrator.Has("RenderFromStorageQueue"));
        var queue = new QueueClient(azurite.Connection, "sana-jobs");
        if ((await queue.ReceiveMessageAsync(TimeSpan.FromMinutes(1))).Value is not { } message)
            return false;
        await new RenderFromStorageQueue(_gpu.Desk, _gpu.Wiring, _gpu.Engine).Run(message, _hub, new App.Invocation());
        try
        {
            await queue.DeleteMessageAsync(message.MessageId, message.PopReceipt);
        }
        catch (RequestFailedException error) when (error.ErrorCode == "MessageNotFound")
        {
            // The function has removed it itself, which the host takes for done too.
        }

        return true;
    }

    private async Task Pump(Func<Task<bool>> until)
    {
        var begun = TimeProvider.System.GetTimestamp();
        while (!await until())
        {
            Assert.True(TimeProvider.System.GetElapsedTime(begun) < TimeSpan.FromMinutes(2), "It did not end in time.");
            if (!await Turn())
                await Task.Delay(10);
        }
    }
}
