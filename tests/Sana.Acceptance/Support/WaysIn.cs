using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Http.Headers;
using System.Text.Json;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Acceptance.Support;

/// <summary>Servers as clients reach them: directly, or behind a proxy with TLS, each started when a test first asks for it.</summary>
public sealed class WaysIn : IAsyncLifetime
{
    private readonly ConcurrentDictionary<string, Lazy<Task<Way>>> _ways = [];
    private readonly ConcurrentDictionary<(string Script, string Way), Lazy<Task<JsonElement>>> _told = [];

    internal Task<Way> To(string name) => _ways.GetOrAdd(name, _ => new Lazy<Task<Way>>(() => name switch
    {
        "directly" => Way.Direct(),
        "nginx" => Way.Behind("nginx", 0, "", port => new { public_url = $"https://localhost:{port}" }),
        "nginx, path" => Way.Behind("nginx", 1, "/sana", port => new { public_url = $"https://localhost:{port}/sana/" }),
        "nginx, forwarded" => Way.Behind("nginx", 2, "/sana", _ => new { trusted_proxies = new[] { "127.0.0.1" }, hosts = new[] { "localhost" } }),
        "caddy" => Way.Behind("caddy", 0, "", port => new { public_url = $"https://localhost:{port}" }),
        "caddy, path" => Way.Behind("caddy", 1, "/sana", port => new { public_url = $"https://localhost:{port}/sana" }),
        _ => throw new ArgumentOutOfRangeException(nameof(name)),
    })).Value;

    /// <summary>What the steps of a client's script gave; it runs once for each way.</summary>
    internal async Task<JsonElement> Told(string script, string way, string step) =>
        (await _told.GetOrAdd((script, way), _ => new Lazy<Task<JsonElement>>(async () => await (await To(way)).Run(script))).Value).GetProperty(step);

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        foreach (var way in _ways.Values)
            await (await way.Value).DisposeAsync();
    }
}

/// <summary>Tests that share the servers.</summary>
[CollectionDefinition(Name)]
public sealed class WaysInCollection : ICollectionFixture<WaysIn>
{
    public const string Name = "ways in";
}

/// <summary>One server, and how it is reached.</summary>
internal sealed class Way(SanaServer server, TlsProxy? proxy, Uri page) : IAsyncDisposable
{
    public SanaServer Server => server;

    /// <summary>The page's address, with a slash at its end.</summary>
    public Uri Page => page;

    /// <summary>The clients' base URL.</summary>
    public Uri Api => new(page, "v1");

    /// <summary>In the request that a script's client gives up.</summary>
    public static string GivenUp(string script) => $"given up by {script}";

    public static async Task<Way> Direct()
    {
        var server = await SanaServer.Start();
        return new Way(server, null, server.Address);
    }

    public static async Task<Way> Behind(string program, int block, string prefix, Func<int, object> config)
    {
        var port = TlsProxy.FreePort();
        var server = await SanaServer.Start(config(port));
        return new Way(server, await TlsProxy.Start(program, block, port, server.Address), new Uri($"https://localhost:{port}{prefix}/"));
    }

    /// <summary>A handler that reaches it and trusts its certificate.</summary>
    public HttpClientHandler Handler() => proxy?.Handler() ?? new HttpClientHandler();

    /// <summary>A client of its own, with the key or as a stranger; paths are below the page's address.</summary>
    public HttpClient Client(bool hasKey = true) => new(Handler())
    {
        BaseAddress = Page,
        DefaultRequestHeaders = { Authorization = hasKey ? new AuthenticationHeaderValue("Bearer", SanaServer.Key) : null },
    };

    /// <summary>Runs a script of tests/packages with its client.</summary>
    public async Task<JsonElement> Run(string script)
    {
        NodePackages.File("openai", "package.json");
        var start = new ProcessStartInfo("node", [Path.Combine(Repository.Root, "tests", "packages", script), Api.AbsoluteUri, SanaServer.Key, GivenUp(script)]) { RedirectStandardOutput = true, RedirectStandardError = true };
        if (proxy is not null)
            start.Environment["NODE_EXTRA_CA_CERTS"] = proxy.Authority;
        using var node = Process.Start(start)!;
        var errors = node.StandardError.ReadToEndAsync();
        var output = await node.StandardOutput.ReadToEndAsync();
        await node.WaitForExitAsync();
        return output.Length > 0 ? JsonDocument.Parse(output).RootElement : throw new InvalidOperationException(await errors);
    }

    /// <summary>The status of the newest job with this prompt, once it has ended.</summary>
    public async Task<string> EndOf(string prompt)
    {
        for (var patience = Stopwatch.StartNew(); patience.Elapsed < TimeSpan.FromSeconds(60); await Task.Delay(100))
        {
            var jobs = (await server.Send(HttpMethod.Get, "/v1/jobs?limit=1000")).Body.GetProperty("jobs");
            foreach (var job in jobs.EnumerateArray())
            {
                var (_, view, _) = await server.Send(HttpMethod.Get, $"/v1/jobs/{job.GetProperty("id").GetString()}");
                if (view.GetProperty("input").GetProperty("prompt").GetString() == prompt && view.GetProperty("status").GetString() is "succeeded" or "failed" or "canceled")
                    return view.GetProperty("status").GetString()!;
            }
        }

        throw new TimeoutException($"No job of '{prompt}' ended.\n{server.Errors}");
    }

    public async ValueTask DisposeAsync()
    {
        if (proxy is not null)
            await proxy.DisposeAsync();
        await server.DisposeAsync();
    }
}
