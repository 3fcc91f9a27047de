using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Sana.Jobs.Http;
using Sana.Storage.Blobs;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Http;

/// <summary>OpenAI's files: uploads of every kind, pages, contents.</summary>
public sealed class FilesApiTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly FakeTimeProvider _clock = new(DateTimeOffset.UtcNow);
    private readonly FileBlobs _blobs;
    private readonly FilesApi _api;

    public FilesApiTests()
    {
        _blobs = FileBlobs.Open(_folder.Path);
        _api = new FilesApi(new ApiParts { Workflows = null!, Queue = null!, Blobs = _blobs, Links = new SignedLinks(new byte[32], _clock), Clock = _clock, MaxFileBytes = 1000 });
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task An_upload_is_described_listed_read_and_deleted()
    {
        var (status, file) = await Post(("purpose", null, "batch"), ("file", "my lines ü.jsonl", "one\ntwo\n"), ("expires_after[anchor]", null, "created_at"), ("expires_after[seconds]", null, "3600"));
        var id = file.GetProperty("id").GetString()!;

        Assert.Equal((200, "file", "batch", "processed", 8), (status, Text(file, "object"), Text(file, "purpose"), Text(file, "status"), file.GetProperty("bytes").GetInt32()));
        Assert.Equal(3600, file.GetProperty("expires_at").GetInt64() - file.GetProperty("created_at").GetInt64());
        Assert.Equal(file.ToString(), (await Send(request => _api.Get(request, id))).Body.ToString());
        Assert.Equal((200, "one\ntwo\n"), await Raw(request => _api.Content(request, id)));
        Assert.Equal([id], (await List("?purpose=batch")).Ids);
        Assert.Empty((await List("?purpose=batch_output")).Ids);
        Assert.True((await Send(request => _api.Delete(request, id))).Body.GetProperty("deleted").GetBoolean());
        Assert.Equal(404, (await Send(request => _api.Get(request, id))).Status);
        Assert.Empty(await Names());
    }

    [Fact]
    public async Task Pages_follow_one_another_in_both_orders_and_what_has_expired_is_gone()
    {
        var ids = new List<string>();
        for (var i = 0; i < 5; i++)
        {
            _clock.Advance(TimeSpan.FromSeconds(1));
            var expiry = i == 4 ? new[] { ("expires_after[anchor]", (string?)null, "created_at"), ("expires_after[seconds]", null, "3600") } : [];
            ids.Add((await Post([("file", "a.jsonl", "x"), ("purpose", null, "batch"), .. expiry])).Body.GetProperty("id").GetString()!);
        }

        Assert.Equal((ids[3], true), ((await List($"?limit=1&after={ids[4]}")).Ids.Single(), (await List($"?limit=1&after={ids[4]}")).HasMore));
        Assert.Equal([ids[1], ids[2]], (await List($"?limit=2&after={ids[0]}&order=asc")).Ids);
        Assert.Equal(400, (await Send(request => _api.List(request), "?after=file-1")).Status);
        Assert.Equal(400, (await Send(request => _api.List(request), "?order=up")).Status);
        _clock.Advance(TimeSpan.FromHours(1));
        Assert.Equal([ids[3], ids[2], ids[1], ids[0]], (await List("")).Ids);
        Assert.Equal(404, (await Send(request => _api.Get(request, ids[4]))).Status);
    }

    [Theory]
    [InlineData("file=x", 400, "missing_required_parameter", "purpose")]
    [InlineData("purpose=batch", 400, "missing_required_parameter", "file")]
    [InlineData("file=x&purpose=assistants", 400, "invalid_value", "purpose is batch")]
    [InlineData("purpose=batch&file=x&file=y", 400, "invalid_value", "given twice")]
    [InlineData("purpose=batch&purpose=batch&file=x", 400, "invalid_value", "given twice")]
    [InlineData("purpose=batch&file=x&colour=red", 400, "unknown_parameter", "'colour'")]
    [InlineData("purpose=batch&file=x&expires_after[seconds]=60", 400, "invalid_value", "3600…2592000")]
    [InlineData("purpose=batch&file=x&expires_after[anchor]=now&expires_after[seconds]=3600", 400, "invalid_value", "anchor is created_at")]
    [InlineData("purpose=batch&file=LONG", 413, "body_too_large", "1000 bytes")]
    public async Task What_cannot_be_used_is_named_and_leaves_nothing(string form, int expected, string code, string part)
    {
        var (status, body) = await Post([.. form.Split('&').Select(field => field.Split('=')).Select(pair => (pair[0], pair[0] == "file" ? "a.jsonl" : null, pair[1] == "LONG" ? new string('x', 1001) : pair[1]))]);

        Assert.Equal((expected, code), (status, Text(body.GetProperty("error"), "code")));
        Assert.Contains(part, Text(body.GetProperty("error"), "message"), StringComparison.Ordinal);
        Assert.Empty(await Names());
    }

    [Theory]
    [InlineData("application/json", "{}", 415)]
    [InlineData("multipart/form-data", "x", 415)]
    [InlineData("multipart/form-data; boundary=b", "--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nhalf", 400)]
    [InlineData("multipart/form-data; boundary=b", "nothing", 400)]
    public async Task A_body_that_is_no_whole_form_is_refused_and_leaves_nothing(string type, string body, int expected)
    {
        var (status, _) = await Send(request =>
        {
            (request.Method, request.ContentType, request.Body) = ("POST", type, new MemoryStream(Encoding.UTF8.GetBytes(body)));
            return _api.Post(request);
        });

        Assert.Equal(expected, status);
        Assert.Empty(await Names());
    }

    [Theory]
    [InlineData("file-../../x")]
    [InlineData("file-")]
    [InlineData("file-0123456789ABCDEF0123456789ABCDEF")]
    public async Task An_id_that_is_none_is_not_there(string id) => Assert.Equal(404, (await Send(request => _api.Content(request, id))).Status);

    private async Task<(int Status, JsonElement Body)> Post(params (string Name, string? File, string Value)[] fields)
    {
        using var form = new MultipartFormDataContent();
        foreach (var (name, file, value) in fields)
        {
            if (file is null)
                form.Add(new StringContent(value), name);
            else
                form.Add(new ByteArrayContent(Encoding.UTF8.GetBytes(value)), name, file);
        }

        var bytes = await form.ReadAsByteArrayAsync();
        return await Send(request =>
        {
            (request.Method, request.ContentType, request.Body) = ("POST", form.Headers.ContentType!.ToString(), new MemoryStream(bytes));
            return _api.Post(request);
        });
    }

    private async Task<(IReadOnlyList<string?> Ids, bool HasMore)> List(string query)
    {
        var (_, page) = await Send(_api.List, query);
        return ([.. page.GetProperty("data").EnumerateArray().Select(file => Text(file, "id"))], page.GetProperty("has_more").GetBoolean());
    }

    private static async Task<(int Status, JsonElement Body)> Send(Func<HttpRequest, Task<IResult>> handle, string query = "")
    {
        var (status, text) = await Raw(handle, query);
        return (status, JsonDocument.Parse(text).RootElement);
    }

    private static async Task<(int Status, string Text)> Raw(Func<HttpRequest, Task<IResult>> handle, string query = "")
    {
        var services = new ServiceCollection().AddSingleton<ILoggerFactory>(NullLoggerFactory.Instance).BuildServiceProvider();
        var context = new DefaultHttpContext { RequestServices = services, Response = { Body = new MemoryStream() } };
        (context.Request.Method, context.Request.Path, context.Request.QueryString) = ("GET", "/v1/files", new QueryString(query));
        await (await handle(context.Request)).ExecuteAsync(context);
        return (context.Response.StatusCode, Encoding.UTF8.GetString(((MemoryStream)context.Response.Body).ToArray()));
    }

    private async Task<List<string>> Names() => await _blobs.List("", default).Select(blob => blob.Name).ToListAsync();

    private static string? Text(JsonElement element, string name) => element.GetProperty(name).GetString();
}
