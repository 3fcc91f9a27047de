using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Sana.Tests.Support;

/// <summary>One request.</summary>
/// <param name="Number">Of this kind and path, from 1.</param>
/// <param name="Kind">
/// <c>list</c>, <c>tree</c>, <c>head</c>, <c>resolve</c>, or <c>cdn</c> for the other host that sends large files; <c>create</c>, <c>branch</c>, <c>preupload</c>, <c>batch</c>, <c>verify</c>,
/// <c>complete</c> and <c>commit</c>, and <c>put</c> and <c>part</c> of the other host.
/// </param>
/// <param name="Path">The file; the revision for a list; SHA-256 of what is put, number of a part.</param>
/// <param name="From">First byte that is asked for.</param>
/// <param name="Token">What stood in Authorization; null for none.</param>
/// <param name="Caller">The token of whoever was sent to the other host, else <paramref name="Token"/>.</param>
public sealed record HubCall(int Number, string Kind, string Path, long From, string? Token, string? Caller);

/// <summary>
/// A model repository, or more, on loopback that behaves as the Hugging Face Hub does: large files are redirected to another host (another port), which takes ranges and
/// must not see the token. It counts every request and misbehaves as it is told.
/// </summary>
public sealed partial class HubServer : IAsyncDisposable
{
    private const int Chunk = 16 * 1024;

    private static readonly ConditionalWeakTable<byte[], string> _large = new();

    private readonly WebApplication _endpoint;
    private readonly WebApplication _cdn;
    private readonly Func<HubCall, HubFault> _plan;
    private readonly ConcurrentQueue<HubCall> _calls = new();
    private readonly ConcurrentDictionary<(string, string), int> _counts = new();
    private readonly ConcurrentDictionary<string, IReadOnlyDictionary<string, byte[]>> _repositories = new();
    private long _allowance = long.MaxValue;
    private TaskCompletionSource _isSpent = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private HubServer(string repository, IReadOnlyDictionary<string, byte[]> files, Func<HubCall, HubFault> plan)
    {
        (Repository, Files, _plan) = (repository, files, plan);
        (_endpoint, _cdn) = (App(), App());
        _repositories[repository] = files;
        _endpoint.MapGet("/api/models/{owner}/{name}/revision/{revision}", List);
        _endpoint.MapMethods("/{owner}/{name}/resolve/{revision}/{**path}", ["GET", "HEAD"], Resolve);
        // Of a dataset, which is a repository called datasets/owner/name here.
        _endpoint.MapGet("/api/datasets/{owner}/{name}/revision/{revision}", (HttpContext context, string owner, string name, string revision) => List(context, $"datasets/{owner}", name, revision));
        _endpoint.MapGet("/api/datasets/{owner}/{name}/tree/{revision}", Tree);
        _endpoint.MapMethods("/datasets/{owner}/{name}/resolve/{revision}/{**path}", ["GET", "HEAD"], (HttpContext context, string owner, string name, string revision, string path) =>
            Resolve(context, $"datasets/{owner}", name, revision, path));
        _cdn.MapGet("/datasets/{owner}/{name}/{**path}", (HttpContext context, string owner, string name, string path) => Cdn(context, $"datasets/{owner}", name, path));
        // A repository that was given another owner redirects.
        _endpoint.MapMethods("/api/models/former/{**rest}", ["GET"], (HttpContext context, string rest) => Moved(context, $"/api/models/owner/{rest}"));
        _endpoint.MapMethods("/former/{**rest}", ["GET", "HEAD"], (HttpContext context, string rest) => Moved(context, $"/owner/{rest}"));
        _endpoint.MapFallback(context => Refuse(context, 401, "RepoNotFound", "Repository not found"));
        _cdn.MapGet("/{owner}/{name}/{**path}", Cdn);
        MapWrites();
    }

    public string Repository { get; }
    public IReadOnlyDictionary<string, byte[]> Files { get; }

    /// <summary>The commit that <c>main</c> is.</summary>
    public string Commit { get; set; } = new('a', 40);

    public Uri Endpoint { get; private set; } = null!;

    /// <summary>Every request in order.</summary>
    public IReadOnlyCollection<HubCall> Calls => _calls;

    public static async Task<HubServer> Start(string repository, IReadOnlyDictionary<string, byte[]> files, Func<HubCall, HubFault>? plan = null)
    {
        var server = new HubServer(repository, files, plan ?? (_ => HubFault.None));
        await server._endpoint.StartAsync();
        await server._cdn.StartAsync();
        server.Endpoint = new Uri(server._endpoint.Urls.First());
        return server;
    }

    /// <summary>Has another repository too.</summary>
    public void Add(string repository, IReadOnlyDictionary<string, byte[]> files) => _repositories[repository] = files;

    /// <summary>The files of a checkpoint's folder, without what a build has left there.</summary>
    public static Dictionary<string, byte[]> FilesOf(string folder) => Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
        .Where(file => !file.EndsWith(".onnx", StringComparison.Ordinal) && !file.EndsWith(".onnx.data", StringComparison.Ordinal) && Path.GetFileName(file) != "sana.build.json")
        .ToDictionary(file => Path.GetRelativePath(folder, file).Replace('\\', '/'), File.ReadAllBytes);

    /// <summary>The name of a file in the cache: SHA-256 of a large one, git's SHA-1 of another.</summary>
    public static string HashOf(string path, byte[] bytes)
    {
        if (IsLarge(path))
            return _large.GetValue(bytes, Digest);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA1);
        hash.AppendData(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"blob {bytes.Length}\0")));
        hash.AppendData(bytes);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    public HubCall[] Of(string kind, string? path = null) => [.. _calls.Where(call => call.Kind == kind && (path is null || call.Path == path))];

    /// <summary>Lets so many more bytes of files out and holds the rest back. The task ends when they are out; requests that wait end with their connections.</summary>
    public Task Allow(long bytes)
    {
        _isSpent = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Interlocked.Exchange(ref _allowance, bytes);
        if (bytes == 0)
            _isSpent.TrySetResult();
        return _isSpent.Task;
    }

    public async ValueTask DisposeAsync()
    {
        await _endpoint.DisposeAsync();
        await _cdn.DisposeAsync();
    }

    private static void Moved(HttpContext context, string place)
    {
        context.Response.StatusCode = 307;
        context.Response.Headers.Location = place;
    }

    private static bool IsLarge(string path) => path.EndsWith(".safetensors", StringComparison.Ordinal) || path.EndsWith(".tar", StringComparison.Ordinal) || path.EndsWith(".parquet", StringComparison.Ordinal);

    private static WebApplication App()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, 0);
            (kestrel.Limits.MaxRequestBodySize, kestrel.Limits.MinRequestBodyDataRate) = (null, null);
        });
        builder.WebHost.UseShutdownTimeout(TimeSpan.Zero);
        return builder.Build();
    }

    private async Task List(HttpContext context, string owner, string name, string revision)
    {
        if (!_repositories.TryGetValue($"{owner}/{name}", out var files))
        {
            await Refuse(context, 401, "RepoNotFound", "Repository not found");
            return;
        }

        if (await Misbehaves(context, Note(context, "list", revision)))
            return;
        if (Branches?.ContainsKey(revision) == false)
            await Refuse(context, 404, "RevisionNotFound", "Invalid rev id");
        else
            await context.Response.WriteAsJsonAsync(new { id = $"{owner}/{name}", sha = Commit, @private = _private.GetValueOrDefault($"{owner}/{name}"), siblings = files.Keys.Select(file => new { rfilename = file }) });
    }

    private async Task Tree(HttpContext context, string owner, string name, string revision, int cursor = 0)
    {
        const int Page = 3;
        var files = _repositories[$"datasets/{owner}/{name}"];
        if (await Misbehaves(context, Note(context, "tree", revision)))
            return;
        if (cursor + Page < files.Count)
            context.Response.Headers.Link = $"<{Endpoint}api/datasets/{owner}/{name}/tree/{revision}?recursive=true&cursor={cursor + Page}>; rel=\"next\"";
        await context.Response.WriteAsJsonAsync(files.Skip(cursor).Take(Page).Select(file => IsLarge(file.Key)
            ? (object)new { type = "file", path = file.Key, size = file.Value.Length, oid = new string('0', 40), lfs = new { oid = HashOf(file.Key, file.Value), size = file.Value.Length } }
            : new { type = "file", path = file.Key, size = file.Value.Length, oid = HashOf(file.Key, file.Value) }).Prepend(new { type = "directory", path = "data", size = 0, oid = new string('1', 40) }));
    }

    private async Task Resolve(HttpContext context, string owner, string name, string revision, string path)
    {
        var isHead = HttpMethods.IsHead(context.Request.Method);
        var call = Note(context, isHead ? "head" : "resolve", path);
        if (!_repositories[$"{owner}/{name}"].TryGetValue(path, out var bytes))
        {
            await Refuse(context, 404, "EntryNotFound", "Entry not found");
            return;
        }

        if (await Misbehaves(context, call))
            return;
        context.Response.Headers["X-Repo-Commit"] = revision;
        if (IsLarge(path))
        {
            context.Response.Headers["X-Linked-Etag"] = $"\"{HashOf(path, bytes)}\"";
            context.Response.Headers["X-Linked-Size"] = bytes.Length.ToString(CultureInfo.InvariantCulture);
            context.Response.Redirect(_cdn.Urls.First() + $"/{owner}/{name}/{path}?signature={Uri.EscapeDataString(call.Token ?? "")}");
            return;
        }

        context.Response.Headers.ETag = $"W/\"{HashOf(path, bytes)}\"";
        await Send(context, bytes, call.From, isHead, _plan(call));
    }

    private async Task Cdn(HttpContext context, string owner, string name, string path)
    {
        var call = Note(context, "cdn", path);
        if (!await Misbehaves(context, call))
            await Send(context, _repositories[$"{owner}/{name}"][path], call.From, isHead: false, _plan(call));
    }

    private HubCall Note(HttpContext context, string kind, string path)
    {
        var range = context.Request.GetTypedHeaders().Range?.Ranges.Single().From ?? 0;
        var token = context.Request.Headers.Authorization.FirstOrDefault();
        var call = new HubCall(_counts.AddOrUpdate((kind, path), 1, (_, count) => count + 1), kind, path, range, token, token ?? context.Request.Query["signature"].FirstOrDefault());
        _calls.Enqueue(call);
        return call;
    }

    private async Task Send(HttpContext context, byte[] bytes, long from, bool isHead, HubFault fault)
    {
        if (fault == HubFault.IgnoresRange)
            from = 0;
        if (from > 0)
        {
            context.Response.StatusCode = 206;
            context.Response.Headers.ContentRange = $"bytes {from}-{bytes.Length - 1}/{bytes.Length}";
        }

        context.Response.ContentLength = bytes.Length - from;
        if (isHead)
            return;
        if (fault == HubFault.WrongBytes)
            (bytes = [.. bytes])[^1] ^= 1;
        var end = fault == HubFault.Cut ? from + (bytes.Length - from) / 2 : bytes.Length;
        for (var at = from; at < end;)
        {
            var size = (int)Math.Min(Chunk, end - at);
            if (Interlocked.Add(ref _allowance, -size) < 0)
            {
                _isSpent.TrySetResult();
                await Forever(context);
                return;
            }

            await context.Response.Body.WriteAsync(bytes.AsMemory((int)at, size), context.RequestAborted);
            at += size;
        }

        if (fault == HubFault.Cut)
        {
            await context.Response.Body.FlushAsync();
            context.Abort();
        }
    }
}
