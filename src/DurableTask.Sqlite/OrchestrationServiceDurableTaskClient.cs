using System.Diagnostics;
using DurableTask.Core;
using DurableTask.Core.History;
using DurableTask.Core.Query;
using DurableTask.Core.Tracing;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace DurableTask.Sqlite;

/// <summary>Microsoft.DurableTask's client on a storage service of DurableTask.Core, in this process.</summary>
public sealed class OrchestrationServiceDurableTaskClient : DurableTaskClient
{
    private readonly IOrchestrationServiceClient _service;
    private readonly DataConverter _converter;

    /// <summary>The client of a service collection.</summary>
    [ActivatorUtilitiesConstructor]
    public OrchestrationServiceDurableTaskClient(string name, IOptionsMonitor<DurableTaskClientOptions> options, IOrchestrationServiceClient service)
        : this(name, options.Get(name).DataConverter, service)
    {
    }

    /// <summary>A client without a service collection.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="converter">The same as the worker's.</param>
    /// <param name="service">What it asks.</param>
    public OrchestrationServiceDurableTaskClient(string name, DataConverter converter, IOrchestrationServiceClient service)
        : base(name) => (_service, _converter) = (service, converter);

    /// <inheritdoc/>
    public override async Task<string> ScheduleNewOrchestrationInstanceAsync(
        TaskName orchestratorName, object? input = null, StartOrchestrationOptions? options = null, CancellationToken cancellation = default)
    {
        var instance = new OrchestrationInstance { InstanceId = options?.InstanceId ?? Guid.NewGuid().ToString("N"), ExecutionId = Guid.NewGuid().ToString("N") };
        var started = new ExecutionStartedEvent(-1, _converter.Serialize(input))
        {
            Name = orchestratorName.Name,
            Version = options?.Version?.Version ?? "",
            OrchestrationInstance = instance,
            ScheduledStartTime = options?.StartAt?.UtcDateTime,
            Tags = options?.Tags.ToDictionary(),
            ParentTraceContext = Activity.Current is { Id: { } parent, IdFormat: ActivityIdFormat.W3C } trace ? new DistributedTraceContext(parent, trace.TraceStateString) : null,
        };
        var dedupe = options?.DedupeStatuses is { Count: > 0 } statuses
            ? statuses.Select(status => (OrchestrationStatus)Enum.Parse<OrchestrationRuntimeStatus>(status, ignoreCase: true)).ToArray()
            : null;
        await _service.CreateTaskOrchestrationAsync(new TaskMessage { OrchestrationInstance = instance, Event = started }, dedupe);
        return instance.InstanceId;
    }

    /// <inheritdoc/>
    public override Task RaiseEventAsync(string instanceId, string eventName, object? eventPayload = null, CancellationToken cancellation = default) =>
        Send(instanceId, new EventRaisedEvent(-1, _converter.Serialize(eventPayload)) { Name = eventName });

    /// <inheritdoc/>
    public override async Task<OrchestrationMetadata> WaitForInstanceStartAsync(string instanceId, bool getInputsAndOutputs = false, CancellationToken cancellation = default)
    {
        while (true)
        {
            if (await Existing(instanceId, getInputsAndOutputs) is { RuntimeStatus: not OrchestrationRuntimeStatus.Pending } begun)
                return begun;
            await Task.Delay(20, cancellation);
        }
    }

    /// <inheritdoc/>
    /// <exception cref="KeyNotFoundException">No instance has this id.</exception>
    /// <exception cref="OrchestrationRefusedException">This program has not the code with which the instance was begun.</exception>
    public override async Task<OrchestrationMetadata> WaitForInstanceCompletionAsync(string instanceId, bool getInputsAndOutputs = false, CancellationToken cancellation = default)
    {
        // Not every service takes an endless time.
        while (await Existing(instanceId, false) is not null)
        {
            if (await _service.WaitForOrchestrationAsync(instanceId, null, TimeSpan.FromDays(1), cancellation) is { } state)
                return Read(state, getInputsAndOutputs);
        }

        throw Missing(instanceId);
    }

    /// <inheritdoc/>
    public override Task TerminateInstanceAsync(string instanceId, TerminateInstanceOptions? options = null, CancellationToken cancellation = default)
    {
        var reason = options?.Output is string text ? text : _converter.Serialize(options?.Output);
        return _service is SqliteOrchestrationService sqlite
            ? sqlite.TerminateAsync(instanceId, reason, options?.Recursive ?? false)
            : _service.ForceTerminateTaskOrchestrationAsync(instanceId, reason);
    }

    /// <inheritdoc/>
    public override Task SuspendInstanceAsync(string instanceId, string? reason = null, CancellationToken cancellation = default) =>
        Send(instanceId, new ExecutionSuspendedEvent(-1, reason));

    /// <inheritdoc/>
    public override Task ResumeInstanceAsync(string instanceId, string? reason = null, CancellationToken cancellation = default) =>
        Send(instanceId, new ExecutionResumedEvent(-1, reason));

    /// <inheritdoc/>
    public override Task RewindInstanceAsync(string instanceId, string reason, CancellationToken cancellation = default) => _service is SqliteOrchestrationService sqlite
        ? sqlite.RewindTaskOrchestrationAsync(instanceId, reason)
        : base.RewindInstanceAsync(instanceId, reason, cancellation);

    /// <inheritdoc/>
    public override async Task<OrchestrationMetadata?> GetInstancesAsync(string instanceId, bool getInputsAndOutputs = false, CancellationToken cancellation = default) =>
        (await _service.GetOrchestrationStateAsync(instanceId, false)) is [{ } state, ..] ? Read(state, getInputsAndOutputs) : null;

    /// <inheritdoc/>
    public override AsyncPageable<OrchestrationMetadata> GetAllInstancesAsync(Microsoft.DurableTask.Client.OrchestrationQuery? filter = null) => Pageable.Create(async (continuation, size, cancellation) =>
    {
        var query = new DurableTask.Core.Query.OrchestrationQuery
        {
            RuntimeStatus = filter?.Statuses?.Select(status => (OrchestrationStatus)status).ToList(),
            CreatedTimeFrom = filter?.CreatedFrom?.UtcDateTime,
            CreatedTimeTo = filter?.CreatedTo?.UtcDateTime,
            InstanceIdPrefix = filter?.InstanceIdPrefix,
            FetchInputsAndOutputs = filter?.FetchInputsAndOutputs ?? false,
            PageSize = size ?? filter?.PageSize ?? 100,
            ContinuationToken = continuation ?? filter?.ContinuationToken,
        };
        var page = await ((IOrchestrationServiceQueryClient)_service).GetOrchestrationWithQueryAsync(query, cancellation);
        return new Page<OrchestrationMetadata>([.. page.OrchestrationState.Select(state => Read(state, query.FetchInputsAndOutputs))], page.ContinuationToken);
    });

    /// <inheritdoc/>
    public override async Task<Microsoft.DurableTask.Client.PurgeResult> PurgeInstanceAsync(string instanceId, PurgeInstanceOptions? options = null, CancellationToken cancellation = default) =>
        Read(await ((IOrchestrationServicePurgeClient)_service).PurgeInstanceStateAsync(instanceId));

    /// <inheritdoc/>
    public override async Task<Microsoft.DurableTask.Client.PurgeResult> PurgeAllInstancesAsync(PurgeInstancesFilter filter, PurgeInstanceOptions? options = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(filter);
        return Read(await ((IOrchestrationServicePurgeClient)_service).PurgeInstanceStateAsync(new PurgeInstanceFilter(
            filter.CreatedFrom?.UtcDateTime ?? DateTime.MinValue, filter.CreatedTo?.UtcDateTime, filter.Statuses?.Select(status => (OrchestrationStatus)status))));
    }

    /// <inheritdoc/>
    public override ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private static Microsoft.DurableTask.Client.PurgeResult Read(DurableTask.Core.PurgeResult result) => new(result.DeletedInstanceCount, result.IsComplete);

    private static KeyNotFoundException Missing(string id) => new($"No instance has the id {id}.");

    private static TaskFailureDetails? Read(FailureDetails? failure) => failure is null
        ? null
        : new TaskFailureDetails(failure.ErrorType, failure.ErrorMessage, failure.StackTrace, Read(failure.InnerFailure), failure.Properties);

    private async Task<OrchestrationMetadata> Existing(string id, bool withValues) => await GetInstancesAsync(id, withValues) ?? throw Missing(id);

    private Task Send(string id, HistoryEvent what)
    {
        ArgumentException.ThrowIfNullOrEmpty(id);
        return _service.SendTaskOrchestrationMessageAsync(new TaskMessage { OrchestrationInstance = new OrchestrationInstance { InstanceId = id }, Event = what });
    }

    private OrchestrationMetadata Read(OrchestrationState state, bool withValues) => new(state.Name, state.OrchestrationInstance.InstanceId)
    {
        DataConverter = withValues ? _converter : null,
        // The numbers are the same, but Canceled and ContinuedAsNew have other names there.
        RuntimeStatus = (OrchestrationRuntimeStatus)state.OrchestrationStatus,
        CreatedAt = new DateTimeOffset(DateTime.SpecifyKind(state.CreatedTime, DateTimeKind.Utc)),
        LastUpdatedAt = new DateTimeOffset(DateTime.SpecifyKind(state.LastUpdatedTime, DateTimeKind.Utc)),
        SerializedInput = withValues ? state.Input : null,
        SerializedOutput = withValues ? state.Output : null,
        SerializedCustomStatus = state.Status,
        FailureDetails = Read(state.FailureDetails),
        Tags = state.Tags?.ToDictionary() ?? [],
    };
}
