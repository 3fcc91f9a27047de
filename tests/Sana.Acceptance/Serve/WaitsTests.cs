using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Sana.Acceptance.Support;
using Xunit;

namespace Sana.Acceptance.Serve;

/// <summary>Requests that wait for images: how they end, and what becomes of their jobs.</summary>
public sealed class WaitsTests
{
    private const string Generations = "/v1/images/generations";

    /// <summary>Half a minute or more on any machine.</summary>
    private static readonly object Endless = new { prompt = "an endless road", size = "512x512", num_inference_steps = 1000, n = 10 };

    /// <summary>Some seconds.</summary>
    private static readonly object Long = new { prompt = "a long road", size = "512x512", num_inference_steps = 900 };

    [Fact]
    public async Task A_client_that_hangs_up_cancels_its_job_unless_it_can_ask_again()
    {
        await using var server = await SanaServer.Start();
        await HangUp(server, Endless);
        await HangUp(server, Endless, ("Idempotency-Key", "mine"));

        var canceled = await UntilJob(server, job => job.GetProperty("status").GetString() == "canceled");

        var jobs = await Jobs(server);
        Assert.Equal(2, jobs.Count);
        var kept = Assert.Single(jobs, job => Id(job) != Id(canceled));
        Assert.Contains(kept.GetProperty("status").GetString(), new[] { "queued", "processing" });
        Assert.Equal("the client hung up", (await Job(server, Id(canceled))).GetProperty("error").GetProperty("message").GetString());
        await server.Send(HttpMethod.Delete, $"/v1/jobs/{Id(kept)}");
    }

    [Fact]
    public async Task A_repeat_joins_the_job_that_is_at_work_and_gets_its_images()
    {
        await using var server = await SanaServer.Start();
        await HangUp(server, Long, ("x-stainless-retry-count", "0"));

        var (status, answer, _) = await server.Send(HttpMethod.Post, Generations, Long, ("x-stainless-retry-count", "1"));

        var job = Assert.Single(await Jobs(server));
        Assert.True(status == HttpStatusCode.OK, answer.ToString());
        Assert.Equal(Id(job), answer.GetProperty("parameters").GetProperty("job_id").GetString());

        // The same once more is another request, and one with another body is none of its repeats.
        await server.Send(HttpMethod.Post, Generations, new { prompt = "a lane", size = "64x64", steps = 2 }, ("x-stainless-retry-count", "1"));
        Assert.Equal(2, (await Jobs(server)).Count);
    }

    [Fact]
    public async Task A_wait_that_is_over_names_the_job_and_ends_it_unless_the_caller_has_a_key()
    {
        await using var server = await SanaServer.Start(null, "--wait", "1");

        var (status, answer, headers) = await server.Send(HttpMethod.Post, Generations, Endless);
        var (keyed, waited, kept) = await server.Send(HttpMethod.Post, Generations, Long, ("Idempotency-Key", "mine"));

        var error = answer.GetProperty("error");
        var id = error.GetProperty("job_id").GetString()!;
        Assert.Equal((HttpStatusCode.ServiceUnavailable, "timeout"), (status, error.GetProperty("code").GetString()));
        Assert.Contains("--wait", error.GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Contains(id, error.GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Equal(("false", true), (headers.GetValues("x-should-retry").Single(), headers.RetryAfter is not null));
        await server.Until($"/v1/jobs/{id}", "canceled");

        Assert.Equal((HttpStatusCode.ServiceUnavailable, false), (keyed, kept.Contains("x-should-retry")));
        await server.Until($"/v1/jobs/{waited.GetProperty("error").GetProperty("job_id").GetString()}", "succeeded", seconds: 120);
        Assert.Equal(HttpStatusCode.OK, (await server.Send(HttpMethod.Post, Generations, Long, ("Idempotency-Key", "mine"))).Status);
    }

    [Fact]
    public async Task A_server_that_is_told_to_stop_answers_who_waits_at_once()
    {
        await using var server = await SanaServer.Start();
        var images = server.Send(HttpMethod.Post, Generations, Endless);
        var keyed = server.Send(HttpMethod.Post, Generations, Long, ("Idempotency-Key", "mine"));
        var job = server.Send(HttpMethod.Put, "/v1/jobs/mine", SanaServer.Job("a job"), ("Prefer", "wait=100"));
        await UntilCount(server, 3);

        var clock = Stopwatch.StartNew();
        var end = server.Terminate();
        var (status, answer, headers) = await images;
        var (keyedStatus, keyedAnswer, _) = await keyed;
        var (accepted, _, _) = await job;

        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(10), $"{clock.Elapsed}");
        Assert.Equal((HttpStatusCode.ServiceUnavailable, "stopping"), (status, answer.GetProperty("error").GetProperty("code").GetString()));
        Assert.NotNull(headers.RetryAfter);
        Assert.False(headers.Contains("x-should-retry"));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, keyedStatus);
        Assert.Contains("goes on", keyedAnswer.GetProperty("error").GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Accepted, accepted);
        Assert.Equal(0, await end);

        await server.Crash();
        await server.Until($"/v1/jobs/{answer.GetProperty("error").GetProperty("job_id").GetString()}", "canceled");
        await server.Until("/v1/jobs/mine", "succeeded", seconds: 120);
    }

    [Fact]
    public async Task A_stream_begins_at_once_and_has_an_event_for_each_image()
    {
        await using var server = await SanaServer.Start();
        using var request = new HttpRequestMessage(HttpMethod.Post, Generations)
        {
            Content = JsonContent.Create(new { prompt = "a stream", size = "64x64", num_inference_steps = 2, n = 2, stream = true, output_format = "webp", style = "vivid" }),
        };
        // Something goes first, so that the first bytes come long before the image.
        var before = server.Send(HttpMethod.Put, "/v1/jobs/before", new { input = new { prompt = "a long road", width = 512, height = 512, steps = 60 }, priority = 9 });
        await UntilCount(server, 1);

        using var response = await server.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        var first = await reader.ReadLineAsync();
        var isBefore = (await Job(server, "before")).GetProperty("status").GetString() != "succeeded";
        var events = (await reader.ReadToEndAsync()).Split('\n').Where(line => line.StartsWith("data: ", StringComparison.Ordinal)).Select(line => JsonDocument.Parse(line[6..]).RootElement).ToList();

        Assert.Equal(("text/event-stream", ": waiting", true), (response.Content.Headers.ContentType!.MediaType, first, isBefore));
        Assert.Equal("style", response.Headers.GetValues("x-ignored-fields").Single());
        Assert.Equal(["image_generation.completed", "image_generation.completed"], events.Select(made => made.GetProperty("type").GetString()));
        Assert.Equal([0, 1], events.Select(made => made.GetProperty("index").GetInt32()));
        Assert.All(events, made => Assert.Equal((byte)'R', made.GetProperty("b64_json").GetBytesFromBase64()[0]));
        Assert.All(events, made => Assert.Equal(("64x64", "webp"), (made.GetProperty("size").GetString(), made.GetProperty("output_format").GetString())));
        await before;
    }

    [Fact]
    public async Task A_stream_shows_images_before_they_are_done_and_their_bytes_do_not_depend_on_it()
    {
        await using var server = await SanaServer.Start();
        var asked = new Dictionary<string, object> { ["prompt"] = "a meadow", ["size"] = "128x128", ["num_inference_steps"] = 40, ["seeds"] = new[] { 1, 2 } };
        var (_, plain, _) = await server.Send(HttpMethod.Post, Generations, asked);
        (asked["stream"], asked["partial_images"]) = (true, 3);

        using var response = await server.Http.PostAsJsonAsync(Generations, asked);
        var events = (await response.Content.ReadAsStringAsync()).Split('\n').Where(line => line.StartsWith("data: ", StringComparison.Ordinal)).Select(line => JsonDocument.Parse(line[6..]).RootElement).ToList();

        var shown = events.Where(made => made.GetProperty("type").GetString() == "image_generation.partial_image").ToList();
        var done = events.Where(made => made.GetProperty("type").GetString() == "image_generation.completed").ToList();
        foreach (var image in new[] { 0, 1 })
        {
            var mine = shown.Where(made => made.GetProperty("index").GetInt32() == image).ToList();
            Assert.Equal([0, 1, 2], mine.Select(made => made.GetProperty("partial_image_index").GetInt32()));
            Assert.Equal(3, mine.Select(made => made.GetProperty("b64_json").GetString()).Distinct().Count());
            Assert.All(mine, made => Assert.Equal((byte)'P', made.GetProperty("b64_json").GetBytesFromBase64()[1]));
            Assert.Equal(await Sha256(server, plain, image), await Sha256(server, done[0], image));
        }

        Assert.Equal(8, events.Count);
    }

    [Fact]
    public async Task A_stream_that_fails_after_its_first_bytes_says_so_in_an_event_and_one_that_cannot_begin_by_its_status()
    {
        await using var server = await SanaServer.Start(null, "--wait", "1");

        using var response = await server.Http.PostAsJsonAsync(Generations, new { prompt = "an endless road", size = "512x512", num_inference_steps = 1000, n = 10, stream = true });
        var text = await response.Content.ReadAsStringAsync();
        var (refused, answer, _) = await server.Send(HttpMethod.Post, Generations, new { prompt = "x", n = 11, stream = true });

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Contains("event: error\ndata: {\"type\":\"error\",\"error\":{\"message\":\"The images were not made within 1 s", text, StringComparison.Ordinal);
        Assert.Equal((HttpStatusCode.BadRequest, "n"), (refused, answer.GetProperty("error").GetProperty("param").GetString()));
    }

    [Fact]
    public async Task A_list_of_jobs_and_a_job_alone_agree()
    {
        await using var server = await SanaServer.Start();
        await server.Send(HttpMethod.Put, "/v1/jobs/agrees", new { input = new { prompt = "a long road", width = 512, height = 512, steps = 300 } });

        await UntilJob(server, job => job.GetProperty("status").GetString() == "processing");

        Assert.Equal("processing", (await Job(server, "agrees")).GetProperty("status").GetString());
        await server.Send(HttpMethod.Delete, "/v1/jobs/agrees");
    }

    /// <summary>Of the pixels: the description beside them names the job.</summary>
    private static async Task<string> Sha256(SanaServer server, JsonElement answer, int image)
    {
        var job = await Job(server, answer.GetProperty("parameters").GetProperty("job_id").GetString()!);
        var png = await server.Http.GetByteArrayAsync($"/v1/blobs/{job.GetProperty("images")[image].GetProperty("blob").GetString()}");
        var begin = png.AsSpan().IndexOf("IDAT"u8);
        return Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(png.AsSpan(begin)));
    }

    private static async Task HangUp(SanaServer server, object body, params (string Name, string Value)[] headers)
    {
        var before = (await Jobs(server)).Count;
        using var hangUp = new CancellationTokenSource();
        using var request = new HttpRequestMessage(HttpMethod.Post, Generations) { Content = JsonContent.Create(body) };
        foreach (var (name, value) in headers)
            request.Headers.Add(name, value);
        var answer = server.Http.SendAsync(request, hangUp.Token);
        await UntilCount(server, before + 1);
        await hangUp.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => answer);
    }

    private static async Task<List<JsonElement>> Jobs(SanaServer server) => [.. (await server.Send(HttpMethod.Get, "/v1/jobs")).Body.GetProperty("jobs").EnumerateArray()];

    private static async Task<JsonElement> Job(SanaServer server, string id) => (await server.Send(HttpMethod.Get, $"/v1/jobs/{id}")).Body;

    private static string Id(JsonElement job) => job.GetProperty("id").GetString()!;

    private static async Task UntilCount(SanaServer server, int count)
    {
        for (var patience = Stopwatch.StartNew(); (await Jobs(server)).Count < count; await Task.Delay(50))
            Assert.True(patience.Elapsed < TimeSpan.FromSeconds(60), server.Errors);
    }

    private static async Task<JsonElement> UntilJob(SanaServer server, Func<JsonElement, bool> isIt)
    {
        for (var patience = Stopwatch.StartNew(); ; await Task.Delay(50))
        {
            if ((await Jobs(server)).FirstOrDefault(isIt) is { ValueKind: JsonValueKind.Object } found)
                return found;
            Assert.True(patience.Elapsed < TimeSpan.FromSeconds(60), server.Errors);
        }
    }
}
