using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Sana.Tests.Support;

/// <summary>The side of the server that takes files: repositories and branches are made, large files go to the other host in one request or in parts, a commit makes them appear.</summary>
public sealed partial class HubServer
{
    private readonly ConcurrentDictionary<string, byte[]> _objects = new();
    private readonly ConcurrentDictionary<(string Upload, int Number), byte[]> _parts = new();
    private readonly ConcurrentQueue<string> _sentAgain = new();
    private readonly ConcurrentDictionary<string, bool> _private = new();
    private readonly Lock _commits = new();
    private long _received;

    /// <summary>Large files that have arrived, by SHA-256.</summary>
    public IReadOnlyDictionary<string, byte[]> Objects => _objects;

    /// <summary>Large files that were sent when the store had them.</summary>
    public IReadOnlyCollection<string> SentAgain => _sentAgain;

    /// <summary>Bytes of large files that arrived, also those of requests that broke.</summary>
    public long Received => Interlocked.Read(ref _received);

    /// <summary>Objects of more bytes go in parts of so many. Null: each in one request.</summary>
    public int? PartBytes { get; set; }

    /// <summary>Branches that are there. Null: any.</summary>
    public ConcurrentDictionary<string, bool>? Branches { get; set; }

    /// <summary>Titles of the commits that were made.</summary>
    public ConcurrentQueue<string> Commits { get; } = new();

    public bool IsPrivate(string repository) => _private[repository];

    /// <summary>The files of a repository now.</summary>
    public IReadOnlyDictionary<string, byte[]> FilesOfRepository(string repository) => _repositories[repository];

    private void MapWrites()
    {
        _endpoint.MapPost("/api/repos/create", Create);
        _endpoint.MapPost("/api/datasets/{owner}/{name}/branch/{branch}", Branch);
        _endpoint.MapPost("/api/datasets/{owner}/{name}/preupload/{revision}", Preupload);
        _endpoint.MapPost("/datasets/{owner}/{name}/info/lfs/objects/batch", Batch);
        _endpoint.MapPost("/api/datasets/{owner}/{name}/commit/{revision}", MakeCommit);
        _endpoint.MapPost("/lfs/verify", Verify);
        _endpoint.MapPost("/lfs/complete/{upload}", Complete);
        _cdn.MapPut("/lfs/{oid}", Put);
        _cdn.MapPut("/lfs/{upload}/{number:int}", Part);
    }

    private async Task Create(HttpContext context)
    {
        var asked = (await JsonNode.ParseAsync(context.Request.Body))!;
        var name = $"{asked["type"]}s/{asked["organization"]}/{asked["name"]}";
        if (await Misbehaves(context, Note(context, "create", name)))
            return;
        if (!_repositories.TryAdd(name, new Dictionary<string, byte[]> { [".gitattributes"] = "*.tar filter=lfs"u8.ToArray() }))
        {
            await Refuse(context, 409, code: null, "You already created this dataset repo");
            return;
        }

        _private[name] = asked["private"]?.GetValue<bool>() ?? false;
        await context.Response.WriteAsJsonAsync(new { url = $"{Endpoint}{name}" });
    }

    private async Task Branch(HttpContext context, string owner, string name, string branch)
    {
        if (await Misbehaves(context, Note(context, "branch", branch)))
            return;
        Branches!.TryAdd(branch, true);
        await context.Response.WriteAsync("OK");
    }

    private async Task Preupload(HttpContext context, string owner, string name, string revision)
    {
        var asked = (await JsonNode.ParseAsync(context.Request.Body))!;
        if (await Misbehaves(context, Note(context, "preupload", revision)))
            return;
        await context.Response.WriteAsJsonAsync(new
        {
            files = asked["files"]!.AsArray().Select(file => new
            {
                path = (string)file!["path"]!,
                uploadMode = IsLarge((string)file["path"]!) && Convert.FromBase64String((string)file["sample"]!).Length == Math.Min(512, (int)file["size"]!) ? "lfs" : "regular",
                shouldIgnore = false,
            }),
        });
    }

    private async Task Batch(HttpContext context, string owner, string name)
    {
        var asked = (await JsonNode.ParseAsync(context.Request.Body))!;
        var call = Note(context, "batch", name);
        if (await Misbehaves(context, call))
            return;
        var objects = asked["objects"]!.AsArray().Select(file => Answer((string)file!["oid"]!, (long)file["size"]!, _plan(call)));
        await Json(context, new JsonObject { ["objects"] = new JsonArray([.. objects]) });
    }

    private JsonObject Answer(string oid, long size, HubFault fault)
    {
        var answer = new JsonObject { ["oid"] = oid, ["size"] = size };
        if (fault == HubFault.ObjectRefused)
        {
            answer["error"] = new JsonObject { ["code"] = 507, ["message"] = "The quota is used up." };
            return answer;
        }

        if (_objects.ContainsKey(oid))
            return answer;
        var (header, href) = (new JsonObject { ["X-Signed"] = "yes" }, $"{_cdn.Urls.First()}/lfs/{oid}");
        if (PartBytes is { } bytes && size > bytes)
        {
            (header, href) = (new JsonObject { ["chunk_size"] = bytes.ToString(CultureInfo.InvariantCulture) }, $"{Endpoint}lfs/complete/{Guid.NewGuid():N}");
            for (var number = 1; (number - 1L) * bytes < size; number++)
                header[number.ToString("00000", CultureInfo.InvariantCulture)] = $"{_cdn.Urls.First()}/lfs/{href[^32..]}/{number}";
        }

        answer["actions"] = new JsonObject
        {
            ["upload"] = new JsonObject { ["href"] = href, ["header"] = header },
            ["verify"] = new JsonObject { ["href"] = $"{Endpoint}lfs/verify", ["header"] = new JsonObject() },
        };
        return answer;
    }

    private async Task Put(HttpContext context, string oid)
    {
        var call = Note(context, "put", oid);
        if (await Misbehaves(context, call))
            return;
        if (_objects.ContainsKey(oid))
            _sentAgain.Enqueue(oid);
        if (await Receive(context, _plan(call)) is { } bytes && context.Request.Headers["X-Signed"] == "yes")
            await Keep(context, oid, bytes, _plan(call));
    }

    private async Task Part(HttpContext context, string upload, int number)
    {
        var call = Note(context, "part", number.ToString(CultureInfo.InvariantCulture));
        if (await Misbehaves(context, call) || await Receive(context, _plan(call)) is not { } bytes)
            return;
        _parts[(upload, number)] = bytes;
        context.Response.Headers.ETag = $"\"{Digest(bytes)[..32]}\"";
        if (_plan(call) == HubFault.AnswerLost)
            context.Abort();
    }

    private async Task Complete(HttpContext context, string upload)
    {
        var asked = (await JsonNode.ParseAsync(context.Request.Body))!;
        var call = Note(context, "complete", (string)asked["oid"]!);
        if (await Misbehaves(context, call))
            return;
        var bytes = new List<byte>();
        foreach (var part in asked["parts"]!.AsArray())
        {
            var one = _parts[(upload, (int)part!["partNumber"]!)];
            if ((string)part["etag"]! != $"\"{Digest(one)[..32]}\"")
            {
                await Refuse(context, 400, code: null, "The ETag of a part is another one");
                return;
            }

            bytes.AddRange(one);
        }

        if (_objects.ContainsKey(call.Path))
            _sentAgain.Enqueue(call.Path);
        await Keep(context, call.Path, [.. bytes], _plan(call));
    }

    private async Task Keep(HttpContext context, string oid, byte[] bytes, HubFault fault)
    {
        if (Digest(bytes) == oid)
            _objects[oid] = bytes;
        if (fault == HubFault.AnswerLost)
            context.Abort();
        else
            await context.Response.WriteAsync("");
    }

    private async Task Verify(HttpContext context)
    {
        var asked = (await JsonNode.ParseAsync(context.Request.Body))!;
        var oid = (string)asked["oid"]!;
        var call = Note(context, "verify", oid);
        // What is found wrong is not kept.
        if (_plan(call) == HubFault.WrongObject)
            _objects.TryRemove(oid, out _);
        if (await Misbehaves(context, call))
            return;
        if (!_objects.TryGetValue(oid, out var bytes) || bytes.Length != (int)asked["size"]!)
            await Refuse(context, 404, code: null, "Object does not exist");
    }

    private async Task MakeCommit(HttpContext context, string owner, string name, string revision)
    {
        var call = Note(context, "commit", revision);
        if (await Misbehaves(context, call))
            return;
        var lines = new List<JsonNode>();
        using (var reader = new StreamReader(context.Request.Body))
        {
            while (await reader.ReadLineAsync() is { } line)
                lines.Add(JsonNode.Parse(line)!);
        }

        var (status, message) = Apply($"datasets/{owner}/{name}", lines);
        if (status != 200)
            await Refuse(context, status, code: null, message);
        else if (_plan(call) == HubFault.AnswerLost)
            context.Abort();
        else
            await Json(context, new JsonObject { ["success"] = true, ["commitOid"] = Commit });
    }

    private (int Status, string Message) Apply(string repository, List<JsonNode> lines)
    {
        lock (_commits)
        {
            var header = lines[0]["value"]!;
            if ((string?)header["parentCommit"] != Commit)
                return (412, "A commit has happened since. Please refresh and try again.");
            var files = new Dictionary<string, byte[]>(_repositories[repository]);
            foreach (var line in lines.Skip(1))
            {
                var (key, value) = ((string)line["key"]!, line["value"]!);
                var path = (string)value["path"]!;
                if (key == "deletedFile")
                    files.Remove(path);
                else if (key == "file")
                    files[path] = Convert.FromBase64String((string)value["content"]!);
                else if (_objects.TryGetValue((string)value["oid"]!, out var bytes) && bytes.Length == (int)value["size"]!)
                    files[path] = bytes;
                else
                    return (400, $"LFS pointer of {path} points to nothing");
            }

            _repositories[repository] = files;
            Commits.Enqueue((string)header["summary"]!);
            Commit = Digest(BitConverter.GetBytes(Commits.Count))[..40];
            return (200, "");
        }
    }

    private async Task<byte[]?> Receive(HttpContext context, HubFault fault)
    {
        var (bytes, buffer) = (new MemoryStream(), new byte[Chunk]);
        while (await context.Request.Body.ReadAsync(buffer, context.RequestAborted) is > 0 and var read)
        {
            Interlocked.Add(ref _received, read);
            if (Interlocked.Add(ref _allowance, -read) < 0)
            {
                _isSpent.TrySetResult();
                await Forever(context);
                return null;
            }

            bytes.Write(buffer, 0, read);
            if (fault == HubFault.Cut && bytes.Length * 2 > context.Request.ContentLength)
            {
                context.Abort();
                return null;
            }
        }

        if (fault == HubFault.WrongBytes)
            bytes.WriteByte(1);
        return bytes.ToArray();
    }

    private static Task Json(HttpContext context, JsonNode json)
    {
        context.Response.ContentType = "application/json";
        return context.Response.WriteAsync(json.ToJsonString(JsonSerializerOptions.Default));
    }

    private static string Digest(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));
}
