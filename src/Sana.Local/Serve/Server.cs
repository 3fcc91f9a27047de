using Microsoft.AspNetCore.Builder;
using Sana.Jobs.Schedules;
using Sana.Local.Hosting;

namespace Sana.Local.Serve;

/// <summary>The web server over the local host: opened together, closed in the opposite order.</summary>
internal sealed class Server : IAsyncDisposable
{
    private readonly LocalHost _host;
    private readonly WebApplication _app;

    private Server(LocalHost host, WebApplication app) => (_host, _app) = (host, app);

    public IEnumerable<string> Urls => _app.Urls;

    public string Place => _host.Blobs.Place;

    public static async Task<Server> Start(LocalOptions options, ServeSettings settings, int maxQueued, CancellationToken cancellationToken)
    {
        var host = await LocalHost.Open(options, cancellationToken);
        try
        {
            await ScheduleSteps.Apply(host.Client, ServerFile.Read(options.Data).Schedules);
            var api = await host.Jobs.OpenApi(parts => parts with { Worker = () => host.Worker.State, MaxQueued = maxQueued }, cancellationToken);
            var app = WebApp.Build(settings, api, watch => new StatusPage(api.Parts, watch, host.Jobs.Recent, () => host.Worker.Current, host.Blobs.Place), options.Logging);
            await Listen(app, cancellationToken);
            return new Server(host, app);
        }
        catch
        {
            await host.DisposeAsync();
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
        using (var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(5)))
            await _app.StopAsync(timeout.Token);
        await _app.DisposeAsync();
        await _host.DisposeAsync();
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
