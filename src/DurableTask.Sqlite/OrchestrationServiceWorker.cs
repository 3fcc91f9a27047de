using DurableTask.Core;
using DurableTask.Core.Exceptions;
using DurableTask.Core.History;
using DurableTask.Core.Settings;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Microsoft.DurableTask.Worker;
using Microsoft.DurableTask.Worker.Hosting;
using Microsoft.DurableTask.Worker.Shims;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace DurableTask.Sqlite;

/// <summary>How a worker runs what a storage service holds.</summary>
public sealed record OrchestrationServiceOptions
{
    /// <value>The storage: <see cref="SqliteOrchestrationService"/>, or any other of DurableTask.Core.</value>
    public required IOrchestrationService Service { get; init; }

    /// <value>The clock of orchestrations. Default the system's.</value>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <value>How long running activities may take to end when the worker stops, once their tokens were canceled. Those that take longer run again at the next start. Default 5 seconds.</value>
    public TimeSpan Grace { get; init; } = TimeSpan.FromSeconds(5);
}

/// <summary>Puts orchestrations of Microsoft.DurableTask on a storage service of DurableTask.Core, in this process and without gRPC.</summary>
public static class OrchestrationServiceExtensions
{
    /// <summary>The worker takes its work from this storage.</summary>
    public static IDurableTaskWorkerBuilder UseOrchestrationService(this IDurableTaskWorkerBuilder builder, Func<IServiceProvider, OrchestrationServiceOptions> options)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddSingleton(options);
        return builder.UseBuildTarget<OrchestrationServiceWorker>();
    }

    /// <summary>The client asks this storage.</summary>
    public static IDurableTaskClientBuilder UseOrchestrationService(this IDurableTaskClientBuilder builder, Func<IServiceProvider, IOrchestrationServiceClient> client)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.AddSingleton(client);
        return builder.UseBuildTarget<OrchestrationServiceDurableTaskClient>();
    }

    /// <summary>A worker and a client on one SQLite file. The host starts and stops them.</summary>
    /// <exception cref="JournalException">When the worker is built: another process owns the file, or it cannot be opened.</exception>
    public static IServiceCollection AddSqliteDurableTask(this IServiceCollection services, SqliteOrchestrationServiceSettings settings, Action<DurableTaskRegistry> tasks)
    {
        ArgumentNullException.ThrowIfNull(settings);
        services.AddSingleton(all => new SqliteOrchestrationService(settings with { LoggerFactory = all.GetService<ILoggerFactory>() ?? settings.LoggerFactory }));
        services.AddDurableTaskWorker(worker => worker.AddTasks(tasks).UseOrchestrationService(all => new OrchestrationServiceOptions
        {
            Service = all.GetRequiredService<SqliteOrchestrationService>(),
            Clock = settings.Clock,
        }));
        services.AddDurableTaskClient(client => client.UseOrchestrationService(all => all.GetRequiredService<SqliteOrchestrationService>()));
        return services;
    }
}

/// <summary>Runs DurableTask.Core's dispatchers over the tasks that were registered with the host.</summary>
internal sealed class OrchestrationServiceWorker : DurableTaskWorker
{
    private readonly OrchestrationServiceOptions _options;
    private readonly RunningActivities _running = new();
    private readonly TaskHubWorker _worker;

    public OrchestrationServiceWorker(
        string name, IDurableTaskFactory factory, OrchestrationServiceOptions options, IOptionsMonitor<DurableTaskWorkerOptions> worker, IServiceProvider services)
        : base(name, factory)
    {
        _options = options;
        var logging = services.GetService<ILoggerFactory>();
        var settings = worker.Get(name);
        var shims = new DurableTaskShimFactory(settings, logging);
        _worker = new TaskHubWorker(
            _options.Service, new Orchestrations(this, shims, services), new Activities(this, shims, services.GetRequiredService<IServiceScopeFactory>()),
            Versions(settings.Versioning), logging)
        {
            ErrorPropagationMode = ErrorPropagationMode.UseFailureDetails,
        };
        if (_options.Clock != TimeProvider.System)
            _worker.AddOrchestrationDispatcherMiddleware(SetTime);
        if (_options.Service is SqliteOrchestrationService sqlite)
            sqlite.InstanceFinished += _running.Cancel;
    }

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await _worker.StartAsync();
        await base.StartAsync(cancellationToken);
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        // Forced means that no more work is taken and that nothing is waited for: what runs is waited for here, and told to end.
        await _worker.TaskOrchestrationDispatcher.StopAsync(forced: true);
        await _worker.TaskActivityDispatcher.StopAsync(forced: true);
        await _running.Drain(_options.Grace);
        await _worker.StopAsync(isForced: true);
        await base.StopAsync(cancellationToken);
    }

    public override void Dispose()
    {
        _worker.Dispose();
        _running.Dispose();
        base.Dispose();
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.CompletedTask;

    /// <summary>DurableTask.Core checks versions as the worker's builder says.</summary>
    private static VersioningSettings? Versions(DurableTaskWorkerOptions.VersioningOptions? versions) => versions is null ? null : new VersioningSettings
    {
        Version = versions.Version,
        MatchStrategy = (VersioningSettings.VersionMatchStrategy)versions.MatchStrategy,
        FailureStrategy = (VersioningSettings.VersionFailureStrategy)versions.FailureStrategy,
    };

    /// <summary>DurableTask.Core dates a turn by the system's clock.</summary>
    private Task SetTime(DurableTask.Core.Middleware.DispatchMiddlewareContext context, Func<Task> next)
    {
        if (context.GetProperty<OrchestrationRuntimeState>().NewEvents.OfType<OrchestratorStartedEvent>().LastOrDefault() is { } begun)
            begun.Timestamp = _options.Clock.GetUtcNow().UtcDateTime;
        return next();
    }

    private sealed class Orchestrations(OrchestrationServiceWorker worker, DurableTaskShimFactory shims, IServiceProvider services) : INameVersionObjectManager<TaskOrchestration>
    {
        public TaskOrchestration? GetObject(string name, string? version) =>
            worker.Factory.TryCreateOrchestrator(name, services, out var orchestrator) ? shims.CreateOrchestration(name, orchestrator)
            : worker._options.Service is SqliteOrchestrationService ? new MissingOrchestration(name)
            : null;

        public void Add(ObjectCreator<TaskOrchestration> creator) => throw new NotSupportedException("Orchestrations are registered with the worker's builder.");
    }

    /// <summary>Our storage then refuses the turn and keeps the instance for a program that has its code.</summary>
    private sealed class MissingOrchestration(string name) : TaskOrchestration
    {
        public override Task<string> Execute(OrchestrationContext context, string input) =>
            throw new NonDeterministicOrchestrationException(0, $"No orchestration '{name}' is registered in this program.");

        public override void RaiseEvent(OrchestrationContext context, string name, string input)
        {
        }

        public override string GetStatus() => null!;
    }

    private sealed class Activities(OrchestrationServiceWorker worker, DurableTaskShimFactory shims, IServiceScopeFactory scopes) : INameVersionObjectManager<TaskActivity>
    {
        public TaskActivity GetObject(string name, string? version) => new ScopedActivity(worker, shims, scopes, name);

        public void Add(ObjectCreator<TaskActivity> creator) => throw new NotSupportedException("Activities are registered with the worker's builder.");
    }

    private sealed class ScopedActivity(OrchestrationServiceWorker worker, DurableTaskShimFactory shims, IServiceScopeFactory scopes, string name) : TaskActivity
    {
        public override string Run(TaskContext context, string input) => throw new NotSupportedException();

        public override Task<string> RunAsync(TaskContext context, string input) => worker._running.Run(context.OrchestrationInstance.InstanceId, async () =>
        {
            await using var scope = scopes.CreateAsyncScope();
            return worker.Factory.TryCreateActivity(name, scope.ServiceProvider, out var activity)
                ? await shims.CreateActivity(name, activity).RunAsync(context, input)
                : throw new InvalidOperationException($"No activity '{name}' is registered in this program: it is of another version than the program that called it.");
        });
    }
}
