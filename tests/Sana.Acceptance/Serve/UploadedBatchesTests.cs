using System.ClientModel;
using System.ClientModel.Primitives;
using System.Diagnostics;
using System.Net;
using System.Text.Json;
using OpenAI;
using OpenAI.Batch;
using OpenAI.Files;
using Sana.Acceptance.Support;
using Sana.Inference.Imaging;
using Xunit;

#pragma warning disable OPENAI001 // The client says that its batches may change yet.

namespace Sana.Acceptance.Serve;

/// <summary>OpenAI's batches of uploaded files against the real server, by the official client for .NET and by plain requests.</summary>
[Collection(ServedCollection.Name)]
public sealed class UploadedBatchesTests(SharedServer shared)
{
    private const string Generations = "/v1/images/generations";
    private const string Edits = "/v1/images/edits";
    private const string Small = "\"size\":\"64x64\",\"num_inference_steps\":2";

    // Forty of them take longer than any of these tests waits.
    private const string Larger = "\"size\":\"256x256\",\"num_inference_steps\":20";

    private SanaServer Server => shared.Server;

    [Fact]
    public async Task The_client_for_dotnet_uploads_creates_polls_lists_downloads_and_deletes()
    {
        var (files, batches) = Clients(Server);
        OpenAIFile file = await files.UploadFileAsync(BinaryData.FromString($"{Line("a", Small)}\n{Line("b", Small)}\n{Line("c", "\"size\":\"65x64\"")}\n"), "lines.jsonl", FileUploadPurpose.Batch);
        using var asked = BinaryContent.Create(BinaryData.FromString($$$"""{"input_file_id":"{{{file.Id}}}","endpoint":"{{{Generations}}}","completion_window":"24h","metadata":{"of":"dotnet"}}"""));

        var operation = await batches.CreateBatchAsync(asked, false);
        var batch = await Ended(operation);

        Assert.Equal(("completed", "dotnet", (3, 2, 1)), (Text(batch, "status"), Text(batch.GetProperty("metadata"), "of"), Counts(batch)));
        Assert.Equal(24 * 3600, batch.GetProperty("expires_at").GetInt64() - batch.GetProperty("created_at").GetInt64());
        var (_, page, _) = await Server.Send(HttpMethod.Get, "/v1/batches");
        Assert.Contains(operation.BatchId, page.GetProperty("data").EnumerateArray().Select(each => Text(each, "id")));
        var outputs = new List<string>();
        foreach (var each in (await files.GetFilesAsync(FilePurpose.BatchOutput)).Value)
            outputs.Add(each.Id);
        Assert.Contains(Text(batch, "output_file_id"), outputs);
        Assert.Contains(Text(batch, "error_file_id"), outputs);

        var rows = Rows((await files.DownloadFileAsync(Text(batch, "output_file_id"))).Value);
        Assert.Equal(["a", "b"], rows.Select(row => Text(row, "custom_id")).Order());
        using var stranger = new HttpClient();
        foreach (var row in rows)
            Assert.Equal((byte)'P', (await stranger.GetByteArrayAsync(Text(row.GetProperty("response").GetProperty("body").GetProperty("data")[0], "url")))[1]);
        var error = Assert.Single(Rows((await files.DownloadFileAsync(Text(batch, "error_file_id"))).Value));
        Assert.Contains("multiple of 32", Text(error.GetProperty("response").GetProperty("body").GetProperty("error"), "message"), StringComparison.Ordinal);

        Assert.True((await files.DeleteFileAsync(file.Id)).Value.Deleted);
        Assert.Equal(404, (await Assert.ThrowsAsync<ClientResultException>(() => files.GetFileAsync(file.Id))).Status);
    }

    [Fact]
    public async Task The_client_for_dotnet_cancels_and_finished_lines_stay()
    {
        var (_, batches) = Clients(Server);
        var operation = await Create(Server, batches, Forty(), "24h");
        while (Counts(await Now(operation)).Completed == 0)
            await Task.Delay(50);

        var cancelling = JsonDocument.Parse((await operation.CancelAsync(null)).GetRawResponse().Content).RootElement;
        var batch = await Ended(operation);

        Assert.Contains(Text(cancelling, "status"), (string[])["cancelling", "cancelled"]);
        var (total, completed, failed) = Counts(batch);
        Assert.Equal(("cancelled", 40, 40), (Text(batch, "status"), total, completed + failed));
        Assert.InRange(completed, 1, 39);
        Assert.True(batch.GetProperty("cancelled_at").GetInt64() >= batch.GetProperty("cancelling_at").GetInt64());
        var (answers, errors) = (await Content(batch, "output_file_id"), await Content(batch, "error_file_id"));
        Assert.Equal((completed, failed), (answers.Count, errors.Count));
        Assert.All(errors, row => Assert.Equal("batch_cancelled", Text(row.GetProperty("error"), "code")));
        Assert.Equal(Enumerable.Range(1, 40).Select(i => $"{i}").Order(), answers.Concat(errors).Select(row => Text(row, "custom_id")).Order());
        Assert.Equal(409, (await Assert.ThrowsAsync<ClientResultException>(() => operation.CancelAsync(null))).Status);
    }

    [Fact]
    public async Task A_batch_whose_time_is_over_expires()
    {
        var (_, batches) = Clients(Server);

        var batch = await Ended(await Create(Server, batches, Forty(), "2s"));

        var (total, completed, failed) = Counts(batch);
        Assert.Equal(("expired", 40, 40), (Text(batch, "status"), total, completed + failed));
        Assert.InRange(batch.GetProperty("expired_at").GetInt64(), batch.GetProperty("expires_at").GetInt64(), long.MaxValue);
        var errors = await Content(batch, "error_file_id");
        Assert.Equal(failed, errors.Count);
        Assert.All(errors, row => Assert.Equal("batch_expired", Text(row.GetProperty("error"), "code")));
    }

    [Fact]
    public async Task A_file_with_bad_lines_fails_the_batch_and_lists_them()
    {
        var (_, batches) = Clients(Server);

        var batch = await Ended(await Create(Server, batches, $"{Line("a", Small)}\nnonsense\n{Line("a", Small)}", "24h"));

        Assert.Equal(("failed", (0, 0, 0)), (Text(batch, "status"), Counts(batch)));
        Assert.Equal([(2, "invalid_json_line"), (3, "duplicate_custom_id")], batch.GetProperty("errors").GetProperty("data").EnumerateArray().Select(error => (error.GetProperty("line").GetInt32(), Text(error, "code"))));
    }

    [Theory]
    [InlineData(Generations)]
    [InlineData(Edits)]
    public async Task Lines_are_lost_and_doubled_by_no_kill(string endpoint)
    {
        await using var server = await SanaServer.Start();
        var (files, batches) = Clients(server);
        var picture = ImageCodec.Encode(new RgbImage(64, 64, [.. Enumerable.Range(0, 64 * 64 * 3).Select(i => (byte)i)]), ImageFormat.Png);
        OpenAIFile uploaded = await files.UploadFileAsync(BinaryData.FromBytes(picture), "picture.png", FileUploadPurpose.Vision);
        string[] sources = [$"\"image_url\":\"data:image/png;base64,{Convert.ToBase64String(picture)}\"", $"\"file_id\":\"{uploaded.Id}\""];
        var operation = await Create(server, batches, string.Join('\n', Enumerable.Range(1, 30).Select(i => Of(endpoint, Line($"{i}", endpoint == Edits ? $"{Small},\"images\":[{{{sources[i % 2]}}}]" : Small)))), "24h", endpoint);
        for (var kills = 0; kills < 2; kills++)
        {
            var done = Counts(await AsItStands(server, operation)).Completed;
            for (var patience = Stopwatch.StartNew(); Counts(await AsItStands(server, operation)).Completed < Math.Min(done + 3, 30) && patience.Elapsed < TimeSpan.FromSeconds(30);)
                await Task.Delay(20);
            await server.Crash();
        }

        var batch = await server.Until($"/v1/batches/{operation.BatchId}", "completed");

        Assert.Equal((30, 30, 0), Counts(batch));
        using var output = await server.Http.GetAsync($"/v1/files/{Text(batch, "output_file_id")}/content");
        var rows = Rows(BinaryData.FromBytes(await output.Content.ReadAsByteArrayAsync()));
        Assert.Equal(Enumerable.Range(1, 30).Select(i => $"{i}").Order(), rows.Select(row => Text(row, "custom_id")).Order());
        Assert.Equal(30, Directory.EnumerateFiles(Path.Combine(server.Data, "blobs", "jobs"), "*.png", SearchOption.AllDirectories).Count());
    }

    [Theory]
    [InlineData("""{"input_file_id":"file-1","endpoint":"/v1/images/generations","completion_window":"24h"}""", "input_file_id", "POST /v1/files")]
    [InlineData("""{"input_file_id":"file-1","endpoint":"/v1/chat/completions","completion_window":"24h"}""", "endpoint", "/v1/images/generations")]
    [InlineData("""{"input_file_id":"file-1","endpoint":"/v1/images/generations","completion_window":"never"}""", "completion_window", "24h")]
    [InlineData("""{"input_file_id":"file-1","endpoint":"/v1/images/generations","completion_window":"721h"}""", "completion_window", "720h")]
    [InlineData("""{"input_file_id":"file-1","endpoint":"/v1/images/generations","completion_window":"24h","output_expires_after":{"anchor":"created_at","seconds":60}}""", "output_expires_after.seconds", "3600")]
    [InlineData("""{"input_file_id":"file-1","endpoint":"/v1/images/generations","completion_window":"24h","metadata":{"":"x"}}""", "metadata", "64")]
    [InlineData("""{"input_file_id":"file-1","endpoint":"/v1/images/generations"}""", "completion_window", "missing")]
    [InlineData("""{"input_file_id":"file-1","endpoint":"/v1/images/generations","completion_window":"24h","prompts":["a"]}""", "prompts", "no field 'prompts'")]
    public async Task A_value_that_cannot_be_used_is_OpenAIs_error(string body, string param, string part)
    {
        var (status, answer, _) = await Server.Send(HttpMethod.Post, "/v1/batches", JsonDocument.Parse(body).RootElement);

        Assert.Equal((HttpStatusCode.BadRequest, param), (status, Text(answer.GetProperty("error"), "param")));
        Assert.Contains(part, Text(answer.GetProperty("error"), "message"), StringComparison.Ordinal);
        Assert.False(answer.TryGetProperty("detail", out _));
    }

    [Theory]
    [InlineData("GET", "/v1/batches/batch_none", 404)]
    [InlineData("POST", "/v1/batches/batch_none/cancel", 404)]
    [InlineData("DELETE", "/v1/batches/batch_none", 400)]
    [InlineData("GET", "/v1/files/file-none", 404)]
    [InlineData("PATCH", "/v1/files", 405)]
    public async Task What_is_not_there_is_OpenAIs_error(string method, string path, int expected)
    {
        var (status, answer, _) = await Server.Send(new HttpMethod(method), path);

        Assert.Equal((expected, "invalid_request_error"), ((int)status, Text(answer.GetProperty("error"), "type")));
        Assert.False(answer.TryGetProperty("detail", out _));
    }

    [Fact]
    public async Task One_list_serves_both_kinds_and_a_key_finds_the_first()
    {
        var file = Text(await Upload(Server, Line("a", Small)), "id");
        var asked = new { input_file_id = file, endpoint = Generations, completion_window = "24h" };
        var (_, first, _) = await Server.Send(HttpMethod.Post, "/v1/batches", asked, ("Idempotency-Key", file));
        var (_, again, _) = await Server.Send(HttpMethod.Post, "/v1/batches", asked, ("Idempotency-Key", file));
        var (other, _, _) = await Server.Send(HttpMethod.Post, "/v1/batches", asked with { completion_window = "48h" }, ("Idempotency-Key", file));
        await Server.Send(HttpMethod.Put, "/v1/batches/beside-it", new { prompts = new[] { "a cat" }, settings = new { width = 64, height = 64, steps = 2 } });
        await Server.Until($"/v1/batches/{Text(first, "id")}", "completed");

        var (_, both, _) = await Server.Send(HttpMethod.Get, "/v1/batches?limit=1");
        var (_, rest, _) = await Server.Send(HttpMethod.Get, $"/v1/batches?limit=1&after={Text(first, "id")}");

        Assert.Equal((Text(first, "id"), HttpStatusCode.Conflict), (Text(again, "id"), other));
        Assert.Equal(("list", Text(first, "id"), "beside-it"), (Text(both, "object"), Text(both, "first_id"), Text(both.GetProperty("batches")[0], "id")));
        Assert.Equal(Text(both, "last_id"), Text(both.GetProperty("data")[0], "id"));
        Assert.DoesNotContain(Text(first, "id"), rest.GetProperty("data").EnumerateArray().Select(batch => Text(batch, "id")));
        Assert.Equal(0, rest.GetProperty("batches").GetArrayLength());
        Assert.Equal(400, (int)(await Server.Send(HttpMethod.Put, $"/v1/jobs/{Text(first, "id")}-00001", SanaServer.Job("mine", 1))).Status);
    }

    [Fact]
    public async Task The_description_of_the_api_has_the_paths()
    {
        var (_, document, _) = await Server.Send(HttpMethod.Get, "/openapi/v1.json");

        foreach (var path in (string[])["/v1/files", "/v1/files/{id}", "/v1/files/{id}/content", "/v1/batches/{id}/cancel"])
            Assert.True(document.GetProperty("paths").TryGetProperty(path, out _), path);
    }

    private static string Line(string id, string body) => $$$"""{"custom_id":"{{{id}}}","method":"POST","url":"{{{Generations}}}","body":{"prompt":"picture {{{id}}}",{{{body}}}}}""";

    private static string Of(string endpoint, string line) => line.Replace(Generations, endpoint, StringComparison.Ordinal);

    private static string Forty() => string.Join('\n', Enumerable.Range(1, 40).Select(i => Line($"{i}", Larger)));

    private static string Text(JsonElement element, string name) => element.GetProperty(name).GetString()!;

    private static (int Total, int Completed, int Failed) Counts(JsonElement batch)
    {
        var counts = batch.GetProperty("request_counts");
        return (counts.GetProperty("total").GetInt32(), counts.GetProperty("completed").GetInt32(), counts.GetProperty("failed").GetInt32());
    }

    private static List<JsonElement> Rows(BinaryData content) =>
        [.. content.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)];

    private static (OpenAIFileClient Files, BatchClient Batches) Clients(SanaServer server)
    {
        var client = new OpenAIClient(new ApiKeyCredential(SanaServer.Key), new OpenAIClientOptions { Endpoint = new Uri(server.Address, "v1"), RetryPolicy = new ClientRetryPolicy(0) });
        return (client.GetOpenAIFileClient(), client.GetBatchClient());
    }

    private static async Task<JsonElement> Upload(SanaServer server, string lines)
    {
        using var form = new MultipartFormDataContent { { new StringContent("batch"), "purpose" }, { new StringContent(lines), "file", "lines.jsonl" } };
        using var answer = await server.Http.PostAsync("/v1/files", form);
        return JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
    }

    private static async Task<CreateBatchOperation> Create(SanaServer server, BatchClient batches, string lines, string window, string endpoint = Generations)
    {
        var file = Text(await Upload(server, lines), "id");
        using var asked = BinaryContent.Create(BinaryData.FromString($$"""{"input_file_id":"{{file}}","endpoint":"{{endpoint}}","completion_window":"{{window}}"}"""));
        return await batches.CreateBatchAsync(asked, false);
    }

    private static async Task<JsonElement> Now(CreateBatchOperation operation) => JsonDocument.Parse((await operation.GetBatchAsync(null)).GetRawResponse().Content).RootElement;

    private static async Task<JsonElement> AsItStands(SanaServer server, CreateBatchOperation operation) => (await server.Send(HttpMethod.Get, $"/v1/batches/{operation.BatchId}")).Body;

    private static async Task<JsonElement> Ended(CreateBatchOperation operation)
    {
        for (var patience = Stopwatch.StartNew(); patience.Elapsed < TimeSpan.FromSeconds(60); await Task.Delay(100))
        {
            if (await Now(operation) is var batch && Text(batch, "status") is "completed" or "failed" or "expired" or "cancelled")
                return batch;
        }

        throw new TimeoutException($"The batch does not end: {await Now(operation)}");
    }

    private async Task<List<JsonElement>> Content(JsonElement batch, string file)
    {
        using var answer = await Server.Http.GetAsync($"/v1/files/{Text(batch, file)}/content");
        return Rows(BinaryData.FromBytes(await answer.Content.ReadAsByteArrayAsync()));
    }
}
