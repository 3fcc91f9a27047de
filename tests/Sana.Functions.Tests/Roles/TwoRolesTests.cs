using Sana.Tests.Support;
using Sana.Workflows.Queue;
using Xunit;

namespace Sana.Functions.Tests.Roles;

/// <summary>A batch by HTTP, its steps on the task hub, its messages to the other app, its events back: through the real workers, over real blobs and a real queue.</summary>
[Collection(BothApps.Turns)]
public sealed class TwoRolesTests(BothApps apps)
{
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
        var (accepted, job) = await apps.Orchestrator.Json(HttpMethod.Post, "/v1/jobs", """{"input":{"prompt":"a cat","width":64,"height":32,"steps":2}}""");
        Assert.True(accepted == 202, $"{job}");
        var path = $"/v1/jobs/{job.GetProperty("id").GetString()}";

        await apps.Until(async () => await Status(path) is "succeeded" or "failed");

        var (_, ended) = await apps.Orchestrator.Json(HttpMethod.Get, path);
        var url = new Uri(ended.GetProperty("images")[0].GetProperty("url").GetString()!);
        Assert.Equal("https://func.example.net", url.GetLeftPart(UriPartial.Authority));
        var (opened, _, image) = await apps.Orchestrator.Send(HttpMethod.Get, url.PathAndQuery);
        Assert.Equal((200, (byte)'P'), (opened, image[1]));
        Assert.Equal(401, (await apps.Orchestrator.Send(HttpMethod.Get, url.AbsolutePath)).Status);
    }

    [Fact]
    public async Task A_message_that_is_no_job_is_buried_with_its_reason()
    {
        await apps.Queue.SendMessageAsync("hello");

        await apps.Until(async () => (await apps.Jobs.Count()).Dead == 1);

        Assert.Equal(new QueueCounts(0, 0, 1), await apps.Jobs.Count());
    }

    private async Task<string> Status(string path)
    {
        var (status, body) = await apps.Orchestrator.Json(HttpMethod.Get, path);
        return status == 200 ? body.GetProperty("status").GetString()! : throw new InvalidOperationException($"{path} answered {status}: {body}");
    }
}
