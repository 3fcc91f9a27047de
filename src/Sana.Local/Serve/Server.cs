using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Logging;
using Sana.Jobs.Generation;
using Sana.Jobs.Http;
using Sana.Jobs.Requests;
using Sana.Jobs.Schedules;
using Sana.Jobs.Telemetry;
using Sana.Local.Hosting;
using Sana.Storage.Net;

namespace Sana.Local.Serve;

/// <summary>Everything that <c>sana serve</c> needs to know.</summary>
internal sealed record ServerOptions
{
    public required string Data { get; init; }

    public required string Checkpoint { get; init; }

    public required string? Out { get; init; }

    public required string Queue { get; init; }

    public required string Journal { get; init; }

    public required string Device { get; init; }

    public required int MaxQueued { get; init; }

    public required ServeSettings Settings { get; init; }

    public required ServeConfig Config { get; init; }

    public required ILoggerFactory Logging { get; init; }
}

/// <summary>The web server over the local host: opened together, closed in the opposite order.</summary>
internal sealed class Server : IAsyncDisposable
{
    private readonly GuardedHttp _http;
    private readonly LocalHost _host;
    private readonly WebApplication _app;

    private Server(GuardedHttp http, LocalHost host, WebApplication app) => (_http, _host, _app) = (http, host, app);

    public IEnumerable<string> Urls => _app.Urls;

    public string Place => _host.Blobs.Place;

    public static async Task<Server> Start(ServerOptions options, CancellationToken cancellationToken)
    {
        var curation = options.Config.Curation.Settings();
        var http = new GuardedHttp(options.Config.UrlRules());
        var seen = new Seen();
        var host = await LocalHost.Open(
            new LocalOptions
            {
                Data = options.Data,
                Blobs = options.Out,
                Checkpoint = options.Checkpoint,
                Queue = options.Queue,
                Journal = options.Journal,
                Device = options.Device,
                DownloadNetworks = options.Config.Curation.DownloadNetworks(),
                Logging = options.Logging,
                WrapBlobs = blobs => seen.Blobs = new WatchedBlobs(blobs, TimeProvider.System),
                WrapRenderer = renderer => seen.Renderer = new MeasuredRenderer(renderer),
                Register = (registry, parts) =>
                {
                    new JobSteps(parts.Blobs, parts.Queue, http, options.Config.SecretKeys(), TimeProvider.System).AddTo(registry, parts.Client);
                    new ScheduleSteps(parts.Blobs, options.Config.Sources, curation, options.Device).AddTo(registry, parts.Client);
                },
            },
            cancellationToken);
        try
        {
            await ScheduleSteps.Apply(host.Client, options.Config.Schedules);
            var parts = new ApiParts
            {
                Workflows = host.Client,
                Queue = host.Queue,
                Blobs = host.Blobs,
                Links = new SignedLinks(LinkKey(options.Data), TimeProvider.System),
                Urls = options.Config.UrlRules(),
                WebhookSecrets = [.. options.Config.WebhookSecrets.Keys],
                Sources = options.Config.Sources,
                Curation = curation,
                Worker = () => host.Worker.State,
                Rendering = () => host.Handler.Current,
                Renderer = () => seen.Renderer,
                Device = options.Device,
                MaxQueued = options.MaxQueued,
            };
            var app = WebApp.Build(options.Settings, parts, watch => new StatusPage(parts, watch, seen.Blobs!.Recent, () => host.Worker.Current, host.Blobs.Place), options.Logging);
            await Listen(app, cancellationToken);
            return new Server(http, host, app);
        }
        catch
        {
            await host.DisposeAsync();
            http.Dispose();
            throw;
        }
    }

    /// <summary>Serves until it is told to stop, or until engine or worker cannot go on.</summary>
    public async Task Run(CancellationToken cancellationToken)
    {
        var told = new TaskCompletionSource();
        await using var registration = cancellationToken.Register(() => told.SetResult());
        await await Task.WhenAny(told.Task, _host.Stopped);
    }

    /// <summary>No new requests, then the worker's last image, then the journal.</summary>
    public async ValueTask DisposeAsync()
    {
        using (var patience = new CancellationTokenSource(TimeSpan.FromSeconds(5)))
            await _app.StopAsync(patience.Token);
        await _app.DisposeAsync();
        await _host.DisposeAsync();
        _http.Dispose();
    }

    private static async Task Listen(WebApplication app, CancellationToken cancellationToken)
    {
        try
        {
            await app.StartAsync(cancellationToken);
        }
        catch (IOException error)
        {
            await app.DisposeAsync();
            throw new SanaException($"Cannot listen: {error.Message.TrimEnd('.')}; stop the other program or take another port with --urls.", error);
        }
    }

    /// <summary>Signs links to images; kept, so that links outlive a restart. Readable by its owner only.</summary>
    private static byte[] LinkKey(string data)
    {
        var path = Path.Combine(data, "link.key");
        if (!File.Exists(path))
        {
            var owned = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows())
                owned.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            using var file = new FileStream(path, owned);
            file.Write(RandomNumberGenerator.GetBytes(32));
        }

        return File.ReadAllBytes(path) is { Length: 32 } key ? key : throw new SanaException($"{path} is damaged; delete it, and links to images are made anew.");
    }

    /// <summary>What the host makes while it opens, kept for the page.</summary>
    private sealed class Seen
    {
        public WatchedBlobs? Blobs { get; set; }

        public IRenderer? Renderer { get; set; }
    }
}
