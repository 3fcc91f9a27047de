using Microsoft.Extensions.Logging;

namespace Microsoft.DurableTask
{
    public abstract class TaskOrchestrationContext
    {
        public abstract TaskName Name { get; }

        public abstract string InstanceId { get; }

        public abstract DateTime CurrentUtcDateTime { get; }

        public abstract bool IsReplaying { get; }

        protected abstract ILoggerFactory LoggerFactory { get; }

        public abstract T? GetInput<T>();

        public abstract Task<TResult> CallActivityAsync<TResult>(TaskName name, object? input = null, TaskOptions? options = null);

        public abstract Task<TResult> CallSubOrchestratorAsync<TResult>(TaskName orchestratorName, object? input = null, TaskOptions? options = null);

        public abstract Task CreateTimer(DateTime fireAt, CancellationToken cancellationToken);

        public abstract Task<T> WaitForExternalEvent<T>(string eventName, CancellationToken cancellationToken = default);

        public abstract void SendEvent(string instanceId, string eventName, object payload);

        public abstract void SetCustomStatus(object? customStatus);

        public abstract void ContinueAsNew(object? newInput = null, bool preserveUnprocessedEvents = true);

        public abstract Guid NewGuid();

        public virtual ILogger CreateReplaySafeLogger(string categoryName) => LoggerFactory.CreateLogger(categoryName);
    }

    public readonly struct TaskName(string name)
    {
        public string Name { get; } = name;

        public static implicit operator TaskName(string value) => new(value);
    }

    public class TaskOptions;

    public class SubOrchestrationOptions(TaskRetryOptions? retry = null, string? instanceId = null) : TaskOptions
    {
        public TaskRetryOptions? Retry { get; init; } = retry;

        public string? InstanceId { get; init; } = instanceId;
    }

    public sealed class TaskRetryOptions;

    public class TaskFailureDetails(string errorType, string errorMessage)
    {
        public string ErrorType { get; } = errorType;

        public string ErrorMessage { get; } = errorMessage;
    }

    public sealed class TaskFailedException(string taskName, int taskId, TaskFailureDetails failureDetails) : Exception($"Task '{taskName}' (#{taskId}) failed.")
    {
        public TaskFailureDetails FailureDetails { get; } = failureDetails;
    }

    public class StartOrchestrationOptions(string? InstanceId = null, DateTimeOffset? StartAt = null)
    {
        public string? InstanceId { get; init; } = InstanceId;

        public DateTimeOffset? StartAt { get; init; } = StartAt;

        public IReadOnlyList<string>? DedupeStatuses { get; init; }
    }

    public abstract class AsyncPageable<T> : IAsyncEnumerable<T>
        where T : notnull
    {
        public abstract IAsyncEnumerator<T> GetAsyncEnumerator(CancellationToken cancellationToken = default);
    }
}

namespace Microsoft.DurableTask.Client
{
    public abstract class DurableTaskClient
    {
        public abstract Task<string> ScheduleNewOrchestrationInstanceAsync(
            TaskName orchestratorName, object? input = null, StartOrchestrationOptions? options = null, CancellationToken cancellation = default);

        public abstract Task RaiseEventAsync(string instanceId, string eventName, object? eventPayload = null, CancellationToken cancellation = default);

        public abstract Task<OrchestrationMetadata> WaitForInstanceCompletionAsync(string instanceId, bool getInputsAndOutputs = false, CancellationToken cancellation = default);

        public abstract Task<OrchestrationMetadata?> GetInstanceAsync(string instanceId, bool getInputsAndOutputs = false, CancellationToken cancellation = default);

        public abstract AsyncPageable<OrchestrationMetadata> GetAllInstancesAsync(OrchestrationQuery? filter = null);

        public abstract Task SuspendInstanceAsync(string instanceId, string? reason = null, CancellationToken cancellation = default);

        public abstract Task ResumeInstanceAsync(string instanceId, string? reason = null, CancellationToken cancellation = default);

        public abstract Task TerminateInstanceAsync(string instanceId, TerminateInstanceOptions? options = null, CancellationToken cancellation = default);

        public abstract Task<PurgeResult> PurgeInstanceAsync(string instanceId, PurgeInstanceOptions? options = null, CancellationToken cancellation = default);
    }

    public sealed class OrchestrationMetadata(string name, string instanceId)
    {
        public string Name { get; } = name;

        public string InstanceId { get; } = instanceId;

        public OrchestrationRuntimeStatus RuntimeStatus { get; init; }

        public DateTimeOffset CreatedAt { get; init; }

        public DateTimeOffset LastUpdatedAt { get; init; }

        public string? SerializedInput { get; init; }

        public string? SerializedOutput { get; init; }

        public string? SerializedCustomStatus { get; init; }

        public TaskFailureDetails? FailureDetails { get; init; }
    }

    public class OrchestrationQuery
    {
        public IEnumerable<OrchestrationRuntimeStatus>? Statuses { get; init; }

        public string? InstanceIdPrefix { get; init; }

        public bool FetchInputsAndOutputs { get; init; }

        public DateTimeOffset? CreatedTo { get; init; }
    }

    public enum OrchestrationRuntimeStatus
    {
        Running = 0,
        Completed = 1,
        Failed = 3,
        Terminated = 5,
        Pending = 6,
        Suspended = 7,
    }

    public class TerminateInstanceOptions(object? Output = null, bool Recursive = false)
    {
        public object? Output { get; init; } = Output;

        public bool Recursive { get; init; } = Recursive;
    }

    public class PurgeInstanceOptions(bool Recursive = false)
    {
        public bool Recursive { get; init; } = Recursive;
    }

    public class PurgeResult(int count)
    {
        public int PurgedInstanceCount { get; } = count;
    }

    public static class StartOrchestrationOptionsExtensions
    {
        public static StartOrchestrationOptions WithDedupeStatuses(this StartOrchestrationOptions options, params OrchestrationRuntimeStatus[] dedupeStatuses) =>
            new(options.InstanceId, options.StartAt) { DedupeStatuses = [.. dedupeStatuses.Select(status => status.ToString())] };
    }
}
