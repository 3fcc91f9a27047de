using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Microsoft.DurableTask.Worker;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Time.Testing;
using Sana.Tests.Support;

namespace DurableTask.Sqlite.Tests;

/// <summary>The scenarios on the SQLite service; a kill leaves it as SIGKILL leaves a process and opens the same file again.</summary>
internal sealed class SqliteHost : IScenarioHost
{
    private readonly TempFolder _folder = new();
    private readonly Action<DurableTaskRegistry> _more;
    private ServiceProvider _services = null!;
    private bool _isClosed;

    private SqliteHost(Action<DurableTaskRegistry>? more) => _more = more ?? (_ => { });

    public DurableTaskClient Client { get; private set; } = null!;

    public SqliteOrchestrationService Service { get; private set; } = null!;

    public FakeTimeProvider Clock { get; } = new();

    public Fakes Activities { get; } = new();

    public int MaxInstancesInMemory { get; init; } = 2_048;

    public Func<SqliteOrchestrationServiceSettings, SqliteOrchestrationServiceSettings> Settings { get; init; } = given => given;

    public string Path => _folder.File("journal.db");

    /// <summary>Starts with the scenarios' tasks and more.</summary>
    public static async Task<SqliteHost> Start(
        Action<DurableTaskRegistry>? more = null, int maxInstancesInMemory = 2_048, Func<SqliteOrchestrationServiceSettings, SqliteOrchestrationServiceSettings>? settings = null)
    {
        var host = new SqliteHost(more) { MaxInstancesInMemory = maxInstancesInMemory, Settings = settings ?? (given => given) };
        await host.Open(host.Everything);
        return host;
    }

    public Task Kill() => Kill(Everything);

    /// <summary>Kills, and starts with other code.</summary>
    public async Task Kill(Action<DurableTaskRegistry> tasks)
    {
        Service.Abandon();
        await Leave();
        await Open(tasks);
    }

    public void Everything(DurableTaskRegistry tasks)
    {
        Activities.AddTo(tasks);
        ScenarioOrchestrations.AddTo(tasks);
        _more(tasks);
    }

    /// <summary>Closes the service; the journal stays until this is disposed.</summary>
    public async ValueTask Close()
    {
        if (_isClosed)
            return;
        _isClosed = true;
        await Leave();
        await Service.DisposeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await Close();
        _folder.Dispose();
    }

    private async Task Open(Action<DurableTaskRegistry> tasks)
    {
        var services = new ServiceCollection();
        services.AddDurableTaskWorker(worker => worker.AddTasks(tasks).UseOrchestrationService(_ => new OrchestrationServiceOptions { Service = Service, Clock = Clock, Grace = TimeSpan.Zero }));
        Service = new SqliteOrchestrationService(Settings(new SqliteOrchestrationServiceSettings { Path = Path, Clock = Clock, MaxInstancesInMemory = MaxInstancesInMemory }));
        _services = services.BuildServiceProvider();
        Client = new OrchestrationServiceDurableTaskClient("tests", Microsoft.DurableTask.Converters.JsonDataConverter.Default, Service);
        foreach (var worker in _services.GetServices<IHostedService>())
            await worker.StartAsync(default);
    }

    private async Task Leave()
    {
        foreach (var worker in _services.GetServices<IHostedService>())
            await worker.StopAsync(default);
        await _services.DisposeAsync();
    }
}
