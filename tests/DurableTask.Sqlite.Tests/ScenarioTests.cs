using Microsoft.DurableTask.Client;
using Microsoft.DurableTask.Testing.Sidecar;
using Microsoft.DurableTask.Worker;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace DurableTask.Sqlite.Tests;

/// <summary>Every scenario on every host: one expected answer.</summary>
public class ScenarioTests
{
    public static TheoryData<string> Names => [.. Scenarios.All.Select(scenario => scenario.Name)];

    /// <summary>Microsoft's service in memory has the system's clock, ends with its process and knows no recursion.</summary>
    public static TheoryData<string> NamesInMemory => [.. Scenarios.All.Where(scenario => scenario.Needs == Needs.Nothing).Select(scenario => scenario.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task On_SQLite(string scenario) => await Play(await SqliteHost.Start(), scenario);

    [Theory]
    [MemberData(nameof(NamesInMemory))]
    public async Task On_Microsofts_service_in_memory(string scenario) => await Play(await InMemoryHost.Start(), scenario);

    /// <summary>With room for one instance in memory, everything is replayed again and again.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public async Task On_SQLite_with_replays(string scenario) => await Play(await SqliteHost.Start(maxInstancesInMemory: 1), scenario);

    private static async Task Play(IScenarioHost host, string name)
    {
        await using var disposed = host;
        var scenario = Scenarios.All.Single(scenario => scenario.Name == name);

        var answer = await scenario.Play(host).WaitAsync(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken);

        Assert.Equal(scenario.Expected, answer);
    }

    /// <summary>The same worker and client on <c>InMemoryOrchestrationService</c>.</summary>
    private sealed class InMemoryHost : IScenarioHost
    {
        private ServiceProvider _services = null!;

        public DurableTaskClient Client { get; private set; } = null!;

        public FakeTimeProvider Clock { get; } = new();

        public Fakes Activities { get; } = new();

        public static async Task<InMemoryHost> Start()
        {
            var (host, service, services) = (new InMemoryHost(), new InMemoryOrchestrationService(NullLoggerFactory.Instance), new ServiceCollection());
            services.AddDurableTaskWorker(worker => worker
                .AddTasks(tasks =>
                {
                    host.Activities.AddTo(tasks);
                    ScenarioOrchestrations.AddTo(tasks);
                })
                .UseOrchestrationService(_ => new OrchestrationServiceOptions { Service = service, Grace = TimeSpan.Zero }));
            host._services = services.BuildServiceProvider();
            host.Client = new OrchestrationServiceDurableTaskClient("tests", Microsoft.DurableTask.Converters.JsonDataConverter.Default, service);
            foreach (var worker in host._services.GetServices<IHostedService>())
                await worker.StartAsync(default);
            return host;
        }

        public Task Kill() => throw new NotSupportedException();

        public async ValueTask DisposeAsync()
        {
            foreach (var worker in _services.GetServices<IHostedService>())
                await worker.StopAsync(default);
            await _services.DisposeAsync();
        }
    }
}
