using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Sana.Jobs.Http;
using Sana.Jobs.Queue;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Functions.Tests.Roles;

/// <summary>A batch by HTTP, its steps on the task hub, its messages to the other app, its events back: through the real workers, over real blobs and a real queue.</summary>
[Collection(BothApps.Turns)]
public sealed class TwoRolesTests(BothApps apps)
{
    // The platform's front end cuts a request that takes longer.
    private static readonly TimeSpan _frontEnd = TimeSpan.FromSeconds(230);

    [Fact]
    public async Task A_batch_by_http_becomes_images_and_a_manifest_in_blobs()
    {
        var (accepted, batch) = await apps.Orchestrator.Json(
            HttpMethod.Put, "/v1/batches/pets", """{"prompts":["a cat","an owl","a dog"],"settings":{"width":64,"height":32,"steps":2}}""");
        Assert.True(accepted == 202, $"{batch}");

        await apps.Until(async () => await Status("/v1/batches/pets") is "succeeded" or "failed");

        Assert.Equal("succeeded", await Status("/v1/batches/pets"));
        var tree = await Tree.Of(apps.Blobs, "runs/pets/");
        Assert.Equal(3, tree.Split('\n').Count(line => line.Contains(".png ", StringComparison.Ordinal)));
        Assert.Contains("runs/pets/manifest.json ", tree, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_job_by_http_ends_with_links_that_open_without_a_key()
    {
        var (accepted, headers, body) = await apps.Orchestrator.Send(HttpMethod.Post, "/v1/jobs", """{"input":{"prompt":"a cat","width":64,"height":32,"steps":2}}""");
        Assert.True(accepted == 202, Encoding.UTF8.GetString(body));
        var path = headers.Location!.OriginalString;
        Assert.Equal($"/v1/jobs/{JsonDocument.Parse(body).RootElement.GetProperty("id").GetString()}", path);

        await apps.Until(async () => await Status(path) is "succeeded" or "failed");

        var (_, ended) = await apps.Orchestrator.Json(HttpMethod.Get, path);
        var url = new Uri(ended.GetProperty("images")[0].GetProperty("url").GetString()!);
        Assert.Equal("https://func.example.net", url.GetLeftPart(UriPartial.Authority));
        var (opened, _, image) = await apps.Orchestrator.Send(HttpMethod.Get, url.PathAndQuery);
        Assert.Equal((200, (byte)'P'), (opened, image[1]));
        Assert.Equal(401, (await apps.Orchestrator.Send(HttpMethod.Get, url.AbsolutePath)).Status);
    }

    [Fact]
    public async Task A_batch_of_an_uploaded_file_becomes_a_file_of_answers()
    {
        string[] lines = [.. new[] { """{"prompt":"a cat","size":"64x32"}""", """{"prompt":"a cat","size":"65x32"}""" }
            .Select((body, i) => $$"""{"custom_id":"line {{i}}","method":"POST","url":"/v1/images/generations","body":{{body}}}""")];
        using var form = new MultipartFormDataContent { { new StringContent("batch"), "purpose" }, { new StringContent(string.Join('\n', lines)), "file", "lines.jsonl" } };
        var file = Parse(await apps.Orchestrator.Send(HttpMethod.Post, "/v1/files", form));
        var asked = Parse(await apps.Orchestrator.Send(
            HttpMethod.Post, "/v1/batches", $$"""{"input_file_id":"{{file.GetProperty("id").GetString()}}","endpoint":"/v1/images/generations","completion_window":"24h"}"""));
        var path = $"/v1/batches/{asked.GetProperty("id").GetString()}";

        await apps.Until(async () => await Status(path) is "completed" or "failed");

        var batch = Parse(await apps.Orchestrator.Send(HttpMethod.Get, path));
        Assert.Equal((2, 1, 1), (Count("total"), Count("completed"), Count("failed")));
        var row = Parse(await apps.Orchestrator.Send(HttpMethod.Get, $"/v1/files/{batch.GetProperty("output_file_id").GetString()}/content"));
        var url = new Uri(row.GetProperty("response").GetProperty("body").GetProperty("data")[0].GetProperty("url").GetString()!);
        Assert.Equal((200, (byte)'P'), ((await apps.Orchestrator.Send(HttpMethod.Get, url.PathAndQuery)).Status, (await apps.Orchestrator.Send(HttpMethod.Get, url.PathAndQuery)).Body[1]));

        int Count(string name) => batch.GetProperty("request_counts").GetProperty(name).GetInt32();

        static JsonElement Parse((int Status, System.Net.Http.Headers.HttpResponseHeaders Headers, byte[] Body) answer)
        {
            Assert.True(answer.Status == 200, Encoding.UTF8.GetString(answer.Body));
            return JsonDocument.Parse(answer.Body).RootElement;
        }
    }

    [Fact]
    public async Task Images_that_take_longer_than_a_request_may_are_answered_with_their_job_which_goes_on_for_who_can_ask_again()
    {
        using var app = new App(apps.Connection, apps.Connection, "orchestrator");
        var parts = await Parts(app);
        Assert.InRange(parts.Api.Parts.ImagesTimeout, TimeSpan.FromMinutes(1), _frontEnd - TimeSpan.FromSeconds(15));
        var impatient = new ImagesApi(parts.Api.Parts with { ImagesTimeout = TimeSpan.FromMilliseconds(300) }, parts.Api.Jobs);
        var (keyed, plain) = (Images("an owl", CancellationToken.None), Images("a crow", CancellationToken.None));
        keyed.Headers["Idempotency-Key"] = "owl-1";

        var kept = Assert.IsType<JsonHttpResult<OpenAIError>>(await impatient.Generate(keyed));
        var ended = Assert.IsType<JsonHttpResult<OpenAIError>>(await impatient.Generate(plain));

        Assert.Equal((503, "timeout"), (kept.StatusCode, kept.Value!.Error.Code));
        Assert.Equal((503, "timeout"), (ended.StatusCode, ended.Value!.Error.Code));
        await apps.Until(async () => await Status($"/v1/jobs/{ended.Value.Error.JobId}") is "canceled");
        await apps.Until(async () => await Status($"/v1/jobs/{kept.Value.Error.JobId}") is "succeeded" or "failed" or "canceled");
        Assert.Equal("succeeded", await Status($"/v1/jobs/{kept.Value.Error.JobId}"));
    }

    [Fact]
    public async Task A_request_for_images_that_the_front_end_cuts_cancels_nothing()
    {
        using var app = new App(apps.Connection, apps.Connection, "orchestrator");
        var parts = await Parts(app);
        var before = (await parts.Api.Parts.Workflows.List("job-")).Select(job => job.Id).ToHashSet();
        using var cut = new CancellationTokenSource();

        var answering = parts.Api.Images.Generate(Images("a fox", cut.Token));
        string? id = null;
        while ((id = (await parts.Api.Parts.Workflows.List("job-")).FirstOrDefault(job => !before.Contains(job.Id))?.Id) is null)
            await Task.Delay(20);
        await cut.CancelAsync();
        Assert.Equal(499, Assert.IsAssignableFrom<IStatusCodeHttpResult>(await answering).StatusCode);

        var path = $"/v1/jobs/{id["job-".Length..]}";
        await apps.Until(async () => await Status(path) is "succeeded" or "failed" or "canceled");
        Assert.Equal("succeeded", await Status(path));
    }

    [Fact]
    public async Task A_message_that_is_no_job_is_buried_with_its_reason()
    {
        await apps.Queue.SendMessageAsync("hello");

        await apps.Until(async () => (await apps.Jobs.Count()).Dead == 1);

        Assert.Equal(new QueueCounts(0, 0, 1), await apps.Jobs.Count());
    }

    private static HttpRequest Images(string prompt, CancellationToken aborted)
    {
        var context = new DefaultHttpContext { RequestAborted = aborted };
        (context.Request.Method, context.Request.Path, context.Request.ContentType) = ("POST", "/v1/images/generations", "application/json");
        context.Request.Body = new MemoryStream(JsonSerializer.SerializeToUtf8Bytes(new { prompt, size = "64x32" }));
        return context.Request;
    }

    private async Task<OpenedJobs> Parts(App app)
    {
        app.DurableClient.Use(apps.Host.Hub.Instances);
        return await app.Jobs.Get(default);
    }

    private async Task<string> Status(string path)
    {
        var (status, body) = await apps.Orchestrator.Json(HttpMethod.Get, path);
        return status == 200 ? body.GetProperty("status").GetString()! : throw new InvalidOperationException($"{path} answered {status}: {body}");
    }
}
