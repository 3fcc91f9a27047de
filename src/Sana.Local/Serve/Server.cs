using System.Net.Sockets;
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

    /// <summary>Where it listens, with the ports that it got.</summary>
    public IReadOnlyList<Uri> Urls => [.. _app.Urls.Select(url => new Uri(url))];

    public string Place => _host.Blobs.Place;

    public static async Task<Server> Start(LocalOptions options, ServeSettings settings, Func<ApiParts, ApiParts> limits, CancellationToken cancellationToken)
    {
        var host = await LocalHost.Open(options, cancellationToken);
        // Whoever waits for an image is told at once that the server stops, while the journal still takes the end of his job.
        var stopping = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        try
        {
            await ScheduleSteps.Apply(host.Client, options.Config!.Schedules);
            var api = await host.Jobs.OpenApi(
                parts => limits(parts) with { MaxBatchImages = options.Config.MaxBatchImages, MaxFileBytes = options.Config.MaxFileMb << 20, Worker = () => host.Worker.State, Unavailable = () => host.Unavailable, Stopping = stopping.Token }, cancellationToken);
            var app = WebApp.Build(settings, api, watch => new StatusPage(api.Parts, watch, host.Jobs.Recent, () => host.Worker.Current, host.Blobs.Place), options.Logging);
            await Listen(app, settings, cancellationToken);
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

    private static async Task Listen(WebApplication app, ServeSettings settings, CancellationToken cancellationToken)
    {
        try
        {
            await app.StartAsync(cancellationToken);
        }
        catch (Exception error) when (error is IOException or SocketException or InvalidOperationException)
        {
            await app.DisposeAsync();
            throw new SanaException($"Cannot listen on {string.Join(", ", settings.Urls.Select(url => url.GetLeftPart(UriPartial.Authority)))}: {Reason(error)}.", error);
        }
    }

    private static string Reason(Exception error) => (error.GetBaseException() as SocketException)?.SocketErrorCode switch
    {
        SocketError.AddressAlreadyInUse => "another program listens there; stop it or take another port with --urls",
        SocketError.AccessDenied => "this user may not; take a port of 1024 or more with --urls",
        SocketError.AddressNotAvailable => "this machine does not have the address; give one that it has with --urls",
        _ => $"{error.Message.TrimEnd('.')}; give another address with --urls",
    };
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
