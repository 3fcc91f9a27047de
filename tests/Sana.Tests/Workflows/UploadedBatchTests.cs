using System.Text;
using System.Text.Json;
using Sana.Jobs;
using Sana.Jobs.Durable;
using Sana.Jobs.Http;
using Sana.Jobs.Requests;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Workflows;

/// <summary>A batch of an uploaded file, with a worker that the test turns by hand.</summary>
public sealed partial class UploadedBatchTests : IAsyncLifetime
{
    private const string Endpoint = "/v1/images/generations";
    private const string Id = "batch_0123";

    private JobHost _host = null!;

    private StoredFiles Files => new(_host.Blobs, _host.Clock);

    private List<IReadOnlyList<Inference.Diffusion.ImageRequest>> Drawn => ((FakeRenderer)_host.Renderer).Batches;

    // Files have the system's time.
    public async ValueTask InitializeAsync() => _host = await JobHost.Sqlite.Start(DateTimeOffset.UtcNow);

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Fact]
    public async Task Every_line_has_one_row_in_one_of_the_files_and_is_drawn_once()
    {
        var lines = Enumerable.Range(1, 230).Select(i => i switch
        {
            7 => Line(i, """{"prompt":"a cat","size":"65x64"}"""),
            8 => Line(i, """{"prompt":"a cat","stream":true}"""),
            9 => Line(i, """{"prompt":"a broken dog"}"""),
            120 => Line(i, """{"prompt":"two","n":2,"seed":5,"response_format":"b64_json","style":"vivid"}"""),
            _ => Line(i, $$"""{"prompt":"picture {{i}}"}"""),
        });

        var state = await End(await Start(lines));

        Assert.Equal((BatchFileStatus.Completed, 230, 227, 3, 3), (state.Status, state.Total, state.Completed, state.Failed, state.Chunks));
        var (answers, errors) = (await Rows(state.OutputFile), await Rows(state.ErrorFile));
        Assert.Equal(Enumerable.Range(1, 230).Select(i => $"line {i}").Order(), answers.Concat(errors).Select(CustomId).Order());
        Assert.Equal([(400, "size"), (400, "stream"), (500, null)], errors.Select(row => (row.GetProperty("response").GetProperty("status_code").GetInt32(), Error(row).GetProperty("param").GetString())));
        var drawn = Drawn.SelectMany(batch => batch).Where(image => image.Prompt != "a broken dog").Select(image => (image.Prompt, image.Seed)).ToList();
        Assert.Equal((228, 228), (drawn.Count, drawn.Distinct().Count()));

        var two = answers.Single(row => CustomId(row) == "line 120").GetProperty("response");
        Assert.Equal((200, $"{Id}-00120"), (two.GetProperty("status_code").GetInt32(), two.GetProperty("request_id").GetString()));
        var body = two.GetProperty("body");
        Assert.Equal(["style"], body.GetProperty("parameters").GetProperty("ignored").EnumerateArray().Select(name => name.GetString()));
        Assert.All(body.GetProperty("data").EnumerateArray(), image => Assert.Equal((byte)'P', image.GetProperty("b64_json").GetBytesFromBase64()[1]));
        Assert.StartsWith("link to jobs/batch_0123-00001/", answers.Single(row => CustomId(row) == "line 1").GetProperty("response").GetProperty("body").GetProperty("data")[0].GetProperty("url").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_with_a_bad_line_draws_nothing()
    {
        var state = await End(await Start([Line(1, """{"prompt":"a cat"}"""), "nonsense", Line(1, """{"prompt":"an owl"}""")]));

        Assert.Equal((BatchFileStatus.Failed, 0, null, null), (state.Status, state.Total, state.OutputFile, state.ErrorFile));
        var faults = JsonDocument.Parse((await _host.Blobs.Read(BatchFiles.Faults(Id), default))!).RootElement.EnumerateArray();
        Assert.Equal([("invalid_json_line", 2), ("duplicate_custom_id", 3)], faults.Select(fault => (fault.GetProperty("code").GetString(), fault.GetProperty("line").GetInt32())));
        Assert.Empty(Drawn);
        Assert.Equal(0, (await _host.Queue.Count(default)).Waiting);
    }

    [Fact]
    public async Task A_file_that_was_deleted_meanwhile_fails_the_batch()
    {
        var request = await Request([Line(1, """{"prompt":"a cat"}""")]);
        await Files.Delete(request.InputFile, default);

        var state = await End(await Start(request));

        Assert.Equal(BatchFileStatus.Failed, state.Status);
        Assert.Contains("file_not_found", Encoding.UTF8.GetString((await _host.Blobs.Read(BatchFiles.Faults(Id), default))!), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_cancel_lets_nothing_new_begin_and_finished_lines_stay()
    {
        var id = await Start(Enumerable.Range(1, 150).Select(i => Line(i, $$"""{"prompt":"picture {{i}}"}""")));
        while (Drawn.Count < 3)
            await _host.Turn();

        Assert.True(await _host.Client.Cancel(id, "canceled by request"));
        var state = await End(id);

        Assert.Equal((BatchFileStatus.Cancelled, 150, 150), (state.Status, state.Total, state.Completed + state.Failed));
        Assert.NotNull(state.CancellingAt);
        var (answers, errors) = (await Rows(state.OutputFile), await Rows(state.ErrorFile));
        Assert.Equal((state.Completed, state.Failed), (answers.Count, errors.Count));
        Assert.InRange(answers.Count, 3, 20);
        Assert.InRange(Drawn.Count, answers.Count, 20);
        Assert.All(errors, row => Assert.Equal((JsonValueKind.Null, "batch_cancelled"), (row.GetProperty("response").ValueKind, Error(row).GetProperty("code").GetString())));
        Assert.Equal(0, (await _host.Queue.Count(default)).Dead);
    }

    [Fact]
    public async Task Lines_that_are_not_drawn_in_time_have_expired()
    {
        var id = await Start(await Request(Enumerable.Range(1, 130).Select(i => Line(i, $$"""{"prompt":"picture {{i}}"}"""))) with { ExpiresAt = Now().AddHours(1) });
        while (Drawn.Count < 2)
            await _host.Turn();

        _host.Clock.Advance(TimeSpan.FromMinutes(61));
        var state = await End(id);

        Assert.Equal((BatchFileStatus.Expired, 130), (state.Status, state.Completed + state.Failed));
        Assert.InRange(state.Completed, 2, 20);
        Assert.All(await Rows(state.ErrorFile), row => Assert.Equal("batch_expired", Error(row).GetProperty("code").GetString()));
    }

    [Fact]
    public async Task Images_stay_as_long_as_their_answers_and_what_was_to_expire_goes()
    {
        var id = await Start(await Request([Line(1, """{"prompt":"a cat"}""")]) with { OutputSeconds = 50 * 86_400 });
        var state = await End(id);

        await Purge(afterDays: 31);
        Assert.Null(await _host.Client.Get(id));
        Assert.Single(await Rows(state.OutputFile));
        Assert.NotEmpty(await Names("jobs/"));
        Assert.Empty(await Names("work/batches/"));

        await Purge(afterDays: 51);
        Assert.Null(await Files.Find(state.OutputFile!, default));
        Assert.Empty(await Names("jobs/"));
        Assert.Equal(2, (await Names("files/")).Length);
    }

    [Fact]
    public async Task An_image_that_is_gone_is_an_error_in_the_place_of_its_bytes()
    {
        var state = await End(await Start([Line(1, """{"prompt":"a cat","response_format":"b64_json"}""")]));
        foreach (var name in await Names("jobs/"))
            await _host.Blobs.Delete(name, default);

        var row = Assert.Single(await Rows(state.OutputFile));

        Assert.Equal((JsonValueKind.Null, "image_not_found"), (row.GetProperty("response").ValueKind, Error(row).GetProperty("code").GetString()));
    }

    private static string Line(int number, string body) => $$"""{"custom_id":"line {{number}}","method":"POST","url":"{{Endpoint}}","body":{{body}}}""";

    private static string? CustomId(JsonElement row) => row.GetProperty("custom_id").GetString();

    private static JsonElement Error(JsonElement row) => row.GetProperty("response") is { ValueKind: JsonValueKind.Object } answer ? answer.GetProperty("body").GetProperty("error") : row.GetProperty("error");

    private DateTime Now() => _host.Clock.GetUtcNow().UtcDateTime;

    private async Task<BatchFileRequest> Request(IEnumerable<string> lines, string endpoint = Endpoint)
    {
        var file = new StoredFile(StoredFiles.NewId(_host.Clock.GetUtcNow(), "lines"), 0, Now(), "lines.jsonl", StoredFile.Batch);
        await Files.WriteContent(file.Id, async (stream, cancellation) => await stream.WriteAsync(Encoding.UTF8.GetBytes(string.Join('\n', lines)), cancellation), default);
        await Files.Describe(file, default);
        return new BatchFileRequest(Id, file.Id, endpoint, "24h", Now(), Now().AddHours(24), new string('0', 64), new RequestLimits(64L << 20, 16L << 20, 64, false, 600));
    }

    private async Task<string> Start(IEnumerable<string> lines) => await Start(await Request(lines));

    private async Task<string> Start(BatchFileRequest request) => (await _host.Client.Start(RunBatchFile.Workflow, request, Id)).Instance.Id;

    private async Task<BatchFileState> End(string id)
    {
        var ended = await _host.Work(id).WaitAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);
        Assert.True(ended.Status == WorkflowStatus.Completed, ended.Error);
        return ended.ReadOutput<BatchFileState>();
    }

    /// <summary>A file of the batch, as it is read.</summary>
    private async Task<List<JsonElement>> Rows(string? id)
    {
        await using var stream = (await Files.Open((await Files.Find(id!, default))!, default))!;
        using var content = new MemoryStream();
        await BatchOutput.Write(stream, content, _host.Blobs, blob => $"link to {blob}", default);
        return [.. Encoding.UTF8.GetString(content.ToArray()).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)];
    }

    private async Task Purge(int afterDays)
    {
        _host.Clock.SetUtcNow(DateTimeOffset.UtcNow.AddDays(afterDays));
        await new Retention(_host.Blobs, _host.Queue, _host.Client, _host.Clock, TimeSpan.FromDays(30)).Purge(default);
    }

    private async Task<string[]> Names(string prefix) => [.. await _host.Blobs.List(prefix, default).Select(blob => blob.Name).ToListAsync()];
}
