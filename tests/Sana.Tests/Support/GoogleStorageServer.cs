using System.Collections.Concurrent;
using System.Globalization;
using System.IO.Compression;
using System.Net.Http.Headers;
using System.Numerics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using System.Web;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;

namespace Sana.Tests.Support;

/// <summary>
/// What Google Cloud Storage's JSON protocol does, on loopback: resumable uploads in chunks, generations with preconditions at the start and at the end of an
/// upload, downloads by ranges with the checksums of the whole, listings in pages in ordinal order. It knows nothing of sign-ins, rights and versions.
/// </summary>
internal sealed class GoogleStorageServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentDictionary<string, SortedDictionary<string, Stored>> _buckets = new();
    private readonly ConcurrentDictionary<string, Upload> _uploads = new();
    private readonly Lock _lock = new();
    private long _generation = 1_700_000_000_000_000;

    private GoogleStorageServer()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Limits.MaxRequestBodySize = null);
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        _app = builder.Build();
        _app.Run(Answer);
    }

    public string Address { get; private set; } = "";

    /// <summary>The status with which everything is refused; 0 for none.</summary>
    public int Refusal { get; set; }

    /// <summary>Whether preconditions are taken and ignored.</summary>
    public bool IgnoresConditions { get; set; }

    public static async Task<GoogleStorageServer> Start()
    {
        var server = new GoogleStorageServer();
        await server._app.StartAsync();
        server.Address = server._app.Urls.First();
        return server;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    public void Make(string bucket) => _buckets[bucket] = new SortedDictionary<string, Stored>(StringComparer.Ordinal);

    private async Task Answer(HttpContext context)
    {
        // The path as it was sent: a name's slashes are escaped and must stay so.
        var target = context.Features.Get<IHttpRequestFeature>()!.RawTarget;
        var parts = target.Split('?')[0].Split('/', StringSplitOptions.RemoveEmptyEntries);
        var at = Array.IndexOf(parts, "b");
        var query = HttpUtility.ParseQueryString(target.Contains('?', StringComparison.Ordinal) ? target[(target.IndexOf('?', StringComparison.Ordinal) + 1)..] : "");
        if (Refusal > 0)
            await Fail(context, Refusal, "refused");
        else if (at < 0 || parts.Length < at + 3 || !_buckets.TryGetValue(parts[at + 1], out var bucket))
            await Fail(context, 404, "The specified bucket does not exist.");
        else if (parts[0] == "upload")
            await Receive(context, bucket, parts[at + 1], query["upload_id"], query["ifGenerationMatch"]);
        else if (parts.Length == at + 3)
            await List(context, bucket, query["prefix"] ?? "", query["pageToken"]);
        else
            await One(context, bucket, Uri.UnescapeDataString(parts[at + 3]), query["alt"] == "media" || parts[0] == "download", query["ifGenerationMatch"]);
    }

    private async Task Receive(HttpContext context, SortedDictionary<string, Stored> bucket, string bucketName, string? id, string? condition)
    {
        if (id is null)
        {
            // The client packs what it says of an object.
            await using var body = context.Request.Headers.ContentEncoding == "gzip" ? new GZipStream(context.Request.Body, CompressionMode.Decompress) : context.Request.Body;
            var metadata = (await JsonNode.ParseAsync(body))!;
            var upload = new Upload((string)metadata["name"]!, (string?)metadata["md5Hash"], condition is null ? null : long.Parse(condition, CultureInfo.InvariantCulture));
            if (!IsMet(bucket, upload))
            {
                await Fail(context, 412, "conditionNotMet");
                return;
            }

            id = Guid.NewGuid().ToString("N");
            _uploads[id] = upload;
            context.Response.Headers.Location = $"{Address}/upload/storage/v1/b/{bucketName}/o?uploadType=resumable&upload_id={id}";
            return;
        }

        var open = _uploads[id];
        var range = ContentRangeHeaderValue.Parse(context.Request.Headers.ContentRange.ToString());
        // What came before the connection broke is kept.
        if (range.From is { } from)
            open.Bytes.SetLength(from);
        open.Bytes.Position = open.Bytes.Length;
        await context.Request.Body.CopyToAsync(open.Bytes);
        if (range.Length is null || range.Length > open.Bytes.Length)
        {
            context.Response.StatusCode = 308;
            if (open.Bytes.Length > 0)
                context.Response.Headers.Range = $"bytes=0-{open.Bytes.Length - 1}";
            return;
        }

        var bytes = open.Bytes.ToArray();
        if (open.Md5 is not null && open.Md5 != Md5(bytes))
        {
            await Fail(context, 400, "Provided MD5 hash does not match calculated MD5 hash.");
            return;
        }

        Stored stored;
        lock (_lock)
        {
            stored = new Stored(bytes, ++_generation, TimeProvider.System.GetUtcNow());
            if (IsMet(bucket, open))
                bucket[open.Name] = stored;
            else
                stored = stored with { Generation = 0 };
        }

        if (stored.Generation == 0)
            await Fail(context, 412, "conditionNotMet");
        else
            await Send(context, Describe(bucketName, open.Name, stored));
    }

    private bool IsMet(SortedDictionary<string, Stored> bucket, Upload upload)
    {
        lock (_lock)
            return upload.Condition is not { } condition || IgnoresConditions || condition == (bucket.TryGetValue(upload.Name, out var there) ? there.Generation : 0);
    }

    private async Task List(HttpContext context, SortedDictionary<string, Stored> bucket, string prefix, string? after)
    {
        const int Page = 500;
        List<KeyValuePair<string, Stored>> found;
        lock (_lock)
            found = [.. bucket.Where(item => item.Key.StartsWith(prefix, StringComparison.Ordinal) && (after is null || string.CompareOrdinal(item.Key, after) > 0)).Take(Page + 1)];
        var answer = new JsonObject { ["kind"] = "storage#objects", ["items"] = new JsonArray([.. found.Take(Page).Select(item => Describe("b", item.Key, item.Value))]) };
        if (found.Count > Page)
            answer["nextPageToken"] = found[Page - 1].Key;
        await Send(context, answer);
    }

    private async Task One(HttpContext context, SortedDictionary<string, Stored> bucket, string name, bool isContent, string? condition)
    {
        Stored? there;
        lock (_lock)
        {
            if (bucket.TryGetValue(name, out there) && context.Request.Method == "DELETE")
                bucket.Remove(name);
        }

        if (there is null)
            await Fail(context, 404, $"No such object: {name}");
        else if (condition is not null && condition != there.Generation.ToString(CultureInfo.InvariantCulture))
            await Fail(context, 412, "conditionNotMet");
        else if (context.Request.Method == "DELETE")
            context.Response.StatusCode = 204;
        else if (isContent)
            await Content(context, there);
        else
            await Send(context, Describe("b", name, there));
    }

    private static async Task Content(HttpContext context, Stored there)
    {
        var bytes = there.Bytes.AsMemory();
        context.Response.Headers["x-goog-hash"] = $"crc32c={Crc32C(there.Bytes)},md5={Md5(there.Bytes)}";
        context.Response.Headers["x-goog-generation"] = $"{there.Generation}";
        if (context.Request.GetTypedHeaders().Range is { } ranges && ranges.Ranges.Single() is { From: { } from } range)
        {
            var to = Math.Min(range.To ?? long.MaxValue, bytes.Length - 1);
            context.Response.StatusCode = 206;
            context.Response.Headers.ContentRange = $"bytes {from}-{to}/{bytes.Length}";
            bytes = bytes[(int)from..(int)(to + 1)];
        }

        context.Response.ContentLength = bytes.Length;
        await context.Response.Body.WriteAsync(bytes);
    }

    private static JsonObject Describe(string bucket, string name, Stored stored) => new()
    {
        ["kind"] = "storage#object",
        ["bucket"] = bucket,
        ["name"] = name,
        ["size"] = stored.Bytes.Length.ToString(CultureInfo.InvariantCulture),
        ["generation"] = stored.Generation.ToString(CultureInfo.InvariantCulture),
        ["md5Hash"] = Md5(stored.Bytes),
        ["crc32c"] = Crc32C(stored.Bytes),
        ["updated"] = stored.Modified.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture),
    };

    private static Task Fail(HttpContext context, int status, string message)
    {
        context.Response.StatusCode = status;
        return Send(context, new JsonObject { ["error"] = new JsonObject { ["code"] = status, ["message"] = message, ["errors"] = new JsonArray() } });
    }

    private static async Task Send(HttpContext context, JsonNode node)
    {
        var bytes = Encoding.UTF8.GetBytes(node.ToJsonString());
        context.Response.ContentType = "application/json; charset=UTF-8";
        context.Response.ContentLength = bytes.Length;
        await context.Response.Body.WriteAsync(bytes);
    }

#pragma warning disable CA5351 // The protocol's checksum.
    private static string Md5(byte[] bytes) => Convert.ToBase64String(MD5.HashData(bytes));
#pragma warning restore CA5351

    private static string Crc32C(byte[] bytes)
    {
        var crc = uint.MaxValue;
        foreach (var one in bytes)
            crc = BitOperations.Crc32C(crc, one);
        var sum = BitConverter.GetBytes(~crc);
        Array.Reverse(sum);
        return Convert.ToBase64String(sum);
    }

    private sealed record Stored(byte[] Bytes, long Generation, DateTimeOffset Modified);

    private sealed record Upload(string Name, string? Md5, long? Condition)
    {
        public MemoryStream Bytes { get; } = new();
    }
}
