using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using Sana.Jobs.Http;
using Sana.Jobs.Schedules;
using Sana.Local.Hosting;

namespace Sana.Local.Serve;

/// <summary>The web server over the local host: opened together, closed in the opposite order.</summary>
internal sealed class Server : IAsyncDisposable
{
    private readonly LocalHost _host;
    private readonly WebApplication _app;
    private readonly CancellationTokenSource _stopping;

    private Server(LocalHost host, WebApplication app, CancellationTokenSource stopping) => (_host, _app, _stopping) = (host, app, stopping);

    public IEnumerable<string> Urls => _app.Urls;

    public string Place => _host.Blobs.Place;

    public static async Task<Server> Start(LocalOptions options, ServeSettings settings, Func<ApiParts, ApiParts> limits, CancellationToken cancellationToken)
    {
        var host = await LocalHost.Open(options, cancellationToken);
        // Whoever waits for an image is told at once that the server stops, while the journal still takes the end of his job.
        var stopping = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        try
        {
            await ScheduleSteps.Apply(host.Client, options.Config!.Schedules);
            var api = await host.Jobs.OpenApi(parts => limits(parts) with { Worker = () => host.Worker.State, Stopping = stopping.Token }, cancellationToken);
            var app = WebApp.Build(settings, api, watch => new StatusPage(api.Parts, watch, host.Jobs.Recent, () => host.Worker.Current, host.Blobs.Place), options.Logging);
            await Listen(app, cancellationToken);
            return new Server(host, app, stopping);
        }
        catch
        {
            await host.DisposeAsync();
            stopping.Dispose();
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
        await _stopping.CancelAsync();
        using (var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(5)))
            await _app.StopAsync(timeout.Token);
        await _app.DisposeAsync();
        await _host.DisposeAsync();
        _stopping.Dispose();
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
}

/// <summary>One line an event, on stderr: stdout belongs to what programs read.</summary>
internal static class ServeLogs
{
    public static ILoggerFactory Factory(LogLevel level) => LoggerFactory.Create(logging =>
    {
        logging.SetMinimumLevel(level).AddFilter("Microsoft", LogLevel.Warning)
            .AddSimpleConsole(line => (line.SingleLine, line.TimestampFormat, line.UseUtcTimestamp) = (true, "yyyy-MM-ddTHH:mm:ssZ ", true));
        logging.Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
    });
}

/// <summary>Where the API listens and who may talk to it.</summary>
internal sealed record ServeSettings(IReadOnlyList<Uri> Urls, ApiKeys Keys, IReadOnlyList<string> Hosts)
{
    private static readonly string[] LoopbackNames = ["localhost", "127.0.0.1", "[::1]"];

    /// <summary>Names under which a request may ask for this server: a page that points its own name at this machine gets nothing.</summary>
    public IReadOnlyList<string> AllowedHosts => Hosts.Count > 0 ? [.. Hosts, .. LoopbackNames] : Urls.All(IsLoopback) ? LoopbackNames : ["*"];

    /// <exception cref="SanaException">An address cannot be listened on, or is open to others without a key.</exception>
    public static ServeSettings Create(string urls, ApiKeys keys, IReadOnlyList<string> hosts)
    {
        var list = urls.Split([';', ','], StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(Parse).ToList();
        if (list.Count == 0)
            throw new SanaException("There is no address to listen on; use http://127.0.0.1:8080.");
        if (keys.IsOpen && list.Find(url => !IsLoopback(url)) is { } open)
            throw new SanaException($"{open.Scheme}://{open.Authority} can be reached from other machines: give a key with SANA_API_KEY or --api-key, or listen on 127.0.0.1.");
        return new ServeSettings(list, keys, hosts);
    }

    private static Uri Parse(string text)
    {
        // Kestrel's own words for "every address".
        var spelled = text.Replace("://*", "://0.0.0.0", StringComparison.Ordinal).Replace("://+", "://0.0.0.0", StringComparison.Ordinal);
        return Uri.TryCreate(spelled, UriKind.Absolute, out var url) && url is { Scheme: "http", PathAndQuery: "/", UserInfo: "" }
            ? url
            : throw new SanaException($"'{text}' is not an address such as http://127.0.0.1:8080; for https put a proxy with the certificate before it.");
    }

    private static bool IsLoopback(Uri url) => url.Host == "localhost" || (IPAddress.TryParse(url.Host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));
}
