using System.Net;
using Sana.Acceptance.Support;
using Xunit;

namespace Sana.Acceptance.Serve;

[Collection(ServedCollection.Name)]
public sealed class JobsTests(SharedServer shared)
{
    private SanaServer Server => shared.Server;

    [Fact]
    public async Task A_job_is_accepted_followed_and_found()
    {
        var (accepted, _, headers) = await Server.Send(HttpMethod.Post, "/v1/jobs", SanaServer.Job("a fox", 1, 2));
        var job = await Server.Until(headers.Location!.ToString(), "succeeded");
        var image = await Server.Http.GetByteArrayAsync($"/v1/blobs/{job.GetProperty("images")[1].GetProperty("blob").GetString()}");

        Assert.Equal(HttpStatusCode.Accepted, accepted);
        Assert.NotNull(headers.RetryAfter);
        Assert.Equal(2, job.GetProperty("images").GetArrayLength());
        Assert.Equal(job.GetProperty("images")[1].GetProperty("sha256").GetString(), Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(image)));
    }

    [Theory]
    [InlineData("JPG", "jpg")]
    [InlineData("Jpeg", "jpg")]
    [InlineData("WEBP", "webp")]
    public async Task A_format_is_taken_as_people_write_it_in_jobs_and_batches(string format, string ending)
    {
        var (word, input) = (format.ToLowerInvariant(), new { prompt = "a fox", width = 64, height = 64, steps = 1, seeds = new[] { 5 } });
        await Server.Send(HttpMethod.Put, $"/v1/jobs/as-{word}", new { input, output = new { format } });
        await Server.Send(HttpMethod.Put, $"/v1/batches/as-{word}", new { prompts = new[] { "a fox" }, settings = new { format, width = 64, height = 64, steps = 1 } });

        var job = await Server.Until($"/v1/jobs/as-{word}", "succeeded");
        await Server.Until($"/v1/batches/as-{word}", "succeeded");

        Assert.EndsWith($".{ending}", job.GetProperty("images")[0].GetProperty("blob").GetString(), StringComparison.Ordinal);
        Assert.Single(Directory.GetFiles(Path.Combine(Server.Data, "blobs", "runs", $"as-{word}"), $"*.{ending}", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task A_put_may_be_repeated_and_makes_one_job()
    {
        var first = await Server.Send(HttpMethod.Put, "/v1/jobs/mine-1", SanaServer.Job("an owl", 3), ("Prefer", "wait=30"));
        var second = await Server.Send(HttpMethod.Put, "/v1/jobs/mine-1", SanaServer.Job("an owl", 3), ("Prefer", "wait=30"));

        Assert.Equal("succeeded", first.Body.GetProperty("status").GetString());
        Assert.Equal(first.Body.GetProperty("completed_at").GetString(), second.Body.GetProperty("completed_at").GetString());
    }

    [Fact]
    public async Task An_id_that_stands_for_another_job_is_a_conflict()
    {
        await Server.Send(HttpMethod.Put, "/v1/jobs/mine-2", SanaServer.Job("an owl", 3));

        var (status, problem, _) = await Server.Send(HttpMethod.Put, "/v1/jobs/mine-2", SanaServer.Job("a crow", 3));

        Assert.Equal(HttpStatusCode.Conflict, status);
        Assert.Equal("mine-2", problem.GetProperty("jobId").GetString());
    }

    [Fact]
    public async Task Twenty_requests_with_one_idempotency_key_are_one_job()
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Server.Send(HttpMethod.Post, "/v1/jobs", SanaServer.Job("a bear", 4), ("Idempotency-Key", "\"bear-4\""))));

        Assert.Single(answers.Select(answer => answer.Body.GetProperty("id").GetString()).Distinct());
        Assert.Equal(HttpStatusCode.Conflict, (await Server.Send(HttpMethod.Post, "/v1/jobs", SanaServer.Job("a boar", 4), ("Idempotency-Key", "bear-4"))).Status);
    }

    [Fact]
    public async Task A_job_can_be_canceled_while_it_waits()
    {
        var blockers = await Task.WhenAll(Enumerable.Range(0, 6).Select(i => Server.Send(HttpMethod.Post, "/v1/jobs", SanaServer.Job($"blocker {i}", 1, 2, 3, 4))));
        await Server.Send(HttpMethod.Put, "/v1/jobs/doomed", new { input = new { prompt = "never", width = 64, height = 64, steps = 2 }, priority = 0 });

        var (status, _, _) = await Server.Send(HttpMethod.Delete, "/v1/jobs/doomed");
        var doomed = await Server.Until("/v1/jobs/doomed", "canceled");

        Assert.True(status is HttpStatusCode.OK or HttpStatusCode.Accepted);
        Assert.Equal("canceled", doomed.GetProperty("error").GetProperty("code").GetString());
        Assert.Equal(HttpStatusCode.Conflict, (await Server.Send(HttpMethod.Delete, "/v1/jobs/doomed")).Status);
        foreach (var blocker in blockers)
            await Server.Until($"/v1/jobs/{blocker.Body.GetProperty("id").GetString()}", "succeeded");
    }

    [Fact]
    public async Task A_trace_goes_from_the_request_to_the_result()
    {
        var (_, body, _) = await Server.Send(
            HttpMethod.Post, "/v1/jobs", SanaServer.Job("a trail", 9), ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), ("Prefer", "wait=30"));

        var result = await Server.Http.GetStringAsync($"/v1/blobs/results/{body.GetProperty("id").GetString()}.json");

        Assert.Contains("00-0af7651916cd43dd8448eb211c80319c-", result, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Prompts_times_seeds_make_a_batch_with_a_report()
    {
        await Server.Send(HttpMethod.Put, "/v1/batches/grid", new { prompts = new object[] { "a cat", "", new { prompt = "a dog", id = "d" } }, seeds = new[] { 1, 2 }, settings = new { width = 64, height = 64, steps = 2 } });

        var batch = await Server.Until("/v1/batches/grid", "succeeded");
        var (_, report, _) = await Server.Send(HttpMethod.Get, "/v1/batches/grid/report");

        Assert.Equal((4, 1), (batch.GetProperty("succeeded").GetInt64(), batch.GetProperty("rejected").GetInt64()));
        Assert.Equal("bad_prompt", report.GetProperty("items")[0].GetProperty("reason").GetString());
        Assert.Equal(4, (await Server.Send(HttpMethod.Get, "/v1/batches/grid/report?status=succeeded")).Body.GetProperty("items").GetArrayLength());
    }

    [Fact]
    public async Task A_batch_of_more_images_than_allowed_is_refused_with_the_limit_and_nothing_is_written()
    {
        var asked = new { prompts = Enumerable.Range(0, 20_000).Select(i => $"p{i}"), seeds = Enumerable.Range(0, 1000) };

        var (status, body, _) = await shared.Server.Send(HttpMethod.Put, "/v1/batches/too-many", asked);

        Assert.Equal(HttpStatusCode.UnprocessableEntity, status);
        Assert.Contains("max_batch_images", body.ToString(), StringComparison.Ordinal);
        Assert.Contains("1000000", body.ToString(), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.NotFound, (await shared.Server.Send(HttpMethod.Get, "/v1/batches/too-many")).Status);
    }

    [Fact]
    public async Task A_batch_pairs_prompts_with_seeds_is_repeatable_and_can_be_retried_by_reason()
    {
        var asked = new { prompts = new[] { "a cat", "a dog" }, seeds = new[] { 5, 6 }, combine = "zip", settings = new { width = 64, height = 64, steps = 2 } };
        await Server.Send(HttpMethod.Put, "/v1/batches/pairs", asked);
        var first = await Server.Until("/v1/batches/pairs", "succeeded");

        var again = await Server.Send(HttpMethod.Put, "/v1/batches/pairs", asked);
        var retried = await Server.Send(HttpMethod.Post, "/v1/batches/pairs/retry?reason=oom,nan");
        var after = await Server.Until("/v1/batches/pairs", "succeeded");

        Assert.Equal(2, first.GetProperty("succeeded").GetInt64());
        Assert.Equal((HttpStatusCode.OK, HttpStatusCode.Accepted), (again.Status, retried.Status));
        Assert.Equal(2, after.GetProperty("succeeded").GetInt64());
        Assert.Equal(HttpStatusCode.BadRequest, (await Server.Send(HttpMethod.Post, "/v1/batches/pairs/retry")).Status);
    }
}
