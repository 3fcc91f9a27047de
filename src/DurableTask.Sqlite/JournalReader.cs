using DurableTask.Core;
using DurableTask.Core.Query;
using Newtonsoft.Json;

namespace DurableTask.Sqlite;

/// <summary>Looks into a journal without owning it, also while another process runs it. A client's reads work on it; what would write throws <see cref="NotSupportedException"/>.</summary>
public sealed class JournalReader : IOrchestrationServiceClient, IOrchestrationServiceQueryClient, IDisposable
{
    private readonly object _gate = new();
    private readonly Journal _journal;

    /// <summary>Opens an existing journal.</summary>
    /// <exception cref="JournalException">There is none, it is damaged, or it belongs to another version of this library.</exception>
    public JournalReader(string path) => _journal = Journal.Open(path, write: false, survivePowerLoss: false);

    /// <inheritdoc/>
    public Task<IList<OrchestrationState>> GetOrchestrationStateAsync(string instanceId, bool allExecutions) =>
        Task.FromResult<IList<OrchestrationState>>(Read(journal => journal.Find(instanceId)) is { } found ? [found] : []);

    /// <inheritdoc/>
    public Task<OrchestrationState> GetOrchestrationStateAsync(string instanceId, string executionId) => Task.FromResult(Read(journal => journal.Find(instanceId))!);

    /// <inheritdoc/>
    public Task<string> GetOrchestrationHistoryAsync(string instanceId, string executionId) =>
        Task.FromResult(JsonConvert.SerializeObject(Read(journal => journal.History(instanceId).ToList())));

    /// <inheritdoc/>
    public Task<OrchestrationQueryResult> GetOrchestrationWithQueryAsync(OrchestrationQuery query, CancellationToken cancellationToken) => Task.FromResult(Read(journal => journal.Query(query)));

    /// <summary>Looks each 100 milliseconds.</summary>
    public async Task<OrchestrationState> WaitForOrchestrationAsync(string instanceId, string executionId, TimeSpan timeout, CancellationToken cancellationToken)
    {
        for (var begin = TimeProvider.System.GetTimestamp(); TimeProvider.System.GetElapsedTime(begin) < timeout; await Task.Delay(100, cancellationToken))
        {
            if (Read(journal => journal.Find(instanceId)) is not { } found || !Journal.IsUnfinished(found.OrchestrationStatus))
                return Read(journal => journal.Find(instanceId))!;
        }

        return null!;
    }

    /// <inheritdoc/>
    public Task CreateTaskOrchestrationAsync(TaskMessage creationMessage) => throw ReadOnly();

    /// <inheritdoc/>
    public Task CreateTaskOrchestrationAsync(TaskMessage creationMessage, OrchestrationStatus[] dedupeStatuses) => throw ReadOnly();

    /// <inheritdoc/>
    public Task SendTaskOrchestrationMessageAsync(TaskMessage message) => throw ReadOnly();

    /// <inheritdoc/>
    public Task SendTaskOrchestrationMessageBatchAsync(params TaskMessage[] messages) => throw ReadOnly();

    /// <inheritdoc/>
    public Task ForceTerminateTaskOrchestrationAsync(string instanceId, string reason) => throw ReadOnly();

    /// <inheritdoc/>
    public Task PurgeOrchestrationHistoryAsync(DateTime thresholdDateTimeUtc, OrchestrationStateTimeRangeFilterType timeRangeFilterType) => throw ReadOnly();

    /// <inheritdoc/>
    public void Dispose() => _journal.Dispose();

    private static NotSupportedException ReadOnly() => new("The journal is open for reading only.");

    private T Read<T>(Func<Journal, T> read)
    {
        lock (_gate)
            return read(_journal);
    }
}
