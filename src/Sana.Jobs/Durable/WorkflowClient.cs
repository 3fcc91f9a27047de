using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;

namespace Sana.Jobs.Durable;

/// <summary>How the world outside talks to instances: Microsoft's client with the project's own words for starts, cancels and statuses.</summary>
/// <param name="client">Gives the host's client.</param>
/// <param name="isNewestFirst">The storage lists instances newest first, so that a page needs no look at all of them.</param>
public sealed class WorkflowClient(Func<DurableTaskClient> client, bool isNewestFirst = false)
{
    /// <summary>The event that cancels an instance of <see cref="CancelsByEvent"/>; its payload is the reason.</summary>
    public const string CancelEvent = "cancel";

    /// <summary>The orchestrations that write a result when they are canceled: they are told by an event, the others are terminated.</summary>
    public static readonly IReadOnlyList<string> CancelsByEvent = ["RunJob", "RunBatchFile"];

    private static readonly OrchestrationRuntimeStatus[] Unfinished = [OrchestrationRuntimeStatus.Running, OrchestrationRuntimeStatus.Pending, OrchestrationRuntimeStatus.Suspended];

    private static readonly OrchestrationRuntimeStatus[] Finished = [OrchestrationRuntimeStatus.Completed, OrchestrationRuntimeStatus.Failed, OrchestrationRuntimeStatus.Terminated];

    /// <summary>Told of each instance that was canceled by this client, at once: what works for it in this process need not ask.</summary>
    public event Action<string>? Canceled;

    /// <summary>Starts an instance, or finds the one that has this id.</summary>
    /// <param name="orchestration">What to run.</param>
    /// <param name="input">Names and counts, never bytes.</param>
    /// <param name="id">1…100 characters that Azure allows in the id of an instance.</param>
    /// <param name="restartFinished">Replace an instance of this id that has finished. Default false: return it.</param>
    public async Task<(WorkflowInstance Instance, bool IsNew)> Start<TIn, TOut>(Orchestration<TIn, TOut> orchestration, TIn input, string id, bool restartFinished = false)
    {
        if (await Get(id) is { } there && !(restartFinished && there.IsFinished))
            return (there, false);
        // Looking and starting are two requests: of two that race the storage lets one start, and the other finds it.
        var options = new StartOrchestrationOptions(InstanceId: id).WithDedupeStatuses(restartFinished ? Unfinished : [.. Unfinished, .. Finished]);
        try
        {
            await client().ScheduleNewOrchestrationInstanceAsync(orchestration.Name, input, options);
        }
        catch (Exception)
        {
            if (await Get(id) is { } other && !(restartFinished && other.IsFinished))
                return (other, false);
            throw;
        }

        return (await Get(id) ?? throw new KeyNotFoundException($"Instance {id} was started and is not there."), true);
    }

    /// <summary>Hands an event to an instance, which keeps it until it waits for this name. False when no unfinished instance has this id.</summary>
    public async Task<bool> RaiseEvent<T>(string id, string name, T payload)
    {
        if (await Look(id) is not { IsFinished: false })
            return false;
        await client().RaiseEventAsync(id, name, payload);
        return true;
    }

    /// <summary>Whether nobody waits for an instance any more: it has finished or is not there. Cheaper than <see cref="Get"/>.</summary>
    public async Task<bool> IsOver(string id) => await Look(id) is not { IsFinished: false };

    /// <summary>The instance as it stands, or null.</summary>
    public async Task<WorkflowInstance?> Get(string id) => await client().GetInstanceAsync(id, getInputsAndOutputs: true) is { } found ? WorkflowInstance.Read(found) : null;

    /// <summary>Waits until the instance has finished.</summary>
    /// <exception cref="KeyNotFoundException">No instance has this id.</exception>
    public async Task<WorkflowInstance> Wait(string id, CancellationToken cancellation = default)
    {
        if (await Look(id) is null)
            throw new KeyNotFoundException($"No instance has the id {id}.");
        return WorkflowInstance.Read(await client().WaitForInstanceCompletionAsync(id, getInputsAndOutputs: true, cancellation));
    }

    /// <summary>Instances whose id begins so, newest first.</summary>
    /// <param name="idPrefix">Each orchestration's ids have a prefix of their own.</param>
    /// <param name="limit">At most so many, 1 or more.</param>
    /// <param name="skip">Leave out so many of the newest.</param>
    /// <param name="isFinished">Only finished ones, or only the others. Default all.</param>
    /// <param name="after">Only those that come after this one in the list. Default all.</param>
    public async Task<IReadOnlyList<WorkflowInstance>> List(string idPrefix, int limit = 100, int skip = 0, bool? isFinished = null, string? after = null)
    {
        var found = client().GetAllInstancesAsync(new OrchestrationQuery
        {
            InstanceIdPrefix = idPrefix.Length == 0 ? null : idPrefix,
            Statuses = isFinished is { } wanted ? (wanted ? Finished : Unfinished) : null,
            PageSize = Math.Clamp(limit + skip, 1, 1000),
        }).Select(instance => (Id: instance.InstanceId, instance.CreatedAt));
        // The order of the storage holds across pages also where the clock was set back between two starts.
        var newest = isNewestFirst ? found : found.OrderByDescending(instance => instance.CreatedAt);

        // Payloads are asked for those that are shown.
        var page = new List<WorkflowInstance>();
        var rest = after is null ? newest : newest.SkipWhile(instance => instance.Id != after).Skip(1);
        await foreach (var (id, _) in rest.Skip(skip).Take(limit))
        {
            if (await Get(id) is { } instance)
                page.Add(instance);
        }

        return page;
    }

    /// <summary>Ends an instance. One that must tidy up hears of it and ends itself. False when it is not unfinished.</summary>
    public async Task<bool> Cancel(string id, string reason)
    {
        if (await Look(id) is not { IsFinished: false } instance)
            return false;
        if (!CancelsByEvent.Contains(instance.Workflow) || instance.Status == WorkflowStatus.Refused)
        {
            await client().TerminateInstanceAsync(id, new TerminateInstanceOptions(reason, Recursive: true));
            Canceled?.Invoke(id);
            return true;
        }

        if (instance.Status == WorkflowStatus.Suspended)
            await client().ResumeInstanceAsync(id, reason);
        await client().RaiseEventAsync(id, CancelEvent, reason);
        Canceled?.Invoke(id);
        return true;
    }

    /// <summary>Lets an instance begin no further activity until it is resumed; those that run end and are recorded. False when it is not running.</summary>
    public Task<bool> Suspend(string id) => Steer(id, status => status == WorkflowStatus.Running, () => client().SuspendInstanceAsync(id, "suspended by request"));

    /// <summary>Lets a suspended instance go on. False when it is not suspended.</summary>
    public Task<bool> Resume(string id) => Steer(id, status => status == WorkflowStatus.Suspended, () => client().ResumeInstanceAsync(id, "resumed by request"));

    /// <summary>Forgets a finished instance. False when it does not exist or has not finished.</summary>
    public async Task<bool> Purge(string id) => await Look(id) is { IsFinished: true } && (await client().PurgeInstanceAsync(id)).PurgedInstanceCount > 0;

    /// <summary>Instances that were begun and have finished before the given time, each with its input and status.</summary>
    public async IAsyncEnumerable<WorkflowInstance> FinishedBefore(DateTimeOffset before)
    {
        await foreach (var found in client().GetAllInstancesAsync(new OrchestrationQuery { Statuses = Finished, CreatedTo = before, FetchInputsAndOutputs = true }))
        {
            if (found.LastUpdatedAt < before)
                yield return WorkflowInstance.Read(found);
        }
    }

    /// <summary>When the oldest instance that has not finished was begun; now when there is none.</summary>
    public async Task<DateTimeOffset> OldestUnfinished()
    {
        var oldest = DateTimeOffset.MaxValue;
        await foreach (var found in client().GetAllInstancesAsync(new OrchestrationQuery { Statuses = Unfinished }))
            oldest = found.CreatedAt < oldest ? found.CreatedAt : oldest;
        return oldest;
    }

    /// <summary>Every instance whose id begins so, in no order.</summary>
    public async IAsyncEnumerable<WorkflowInstance> All(string idPrefix)
    {
        await foreach (var found in client().GetAllInstancesAsync(new OrchestrationQuery { InstanceIdPrefix = idPrefix, FetchInputsAndOutputs = true }))
            yield return WorkflowInstance.Read(found);
    }

    private async Task<bool> Steer(string id, Func<WorkflowStatus, bool> fits, Func<Task> act)
    {
        if (await Look(id) is not { } instance || !fits(instance.Status))
            return false;
        await act();
        // Both are requests to the orchestration, which hears of them with its next turn: whoever asked may rely on what was answered.
        for (var look = 0; look < 100 && await Look(id) is { } now && fits(now.Status); look++)
            await Task.Delay(50);
        return true;
    }

    private async Task<WorkflowInstance?> Look(string id) => await client().GetInstanceAsync(id, getInputsAndOutputs: false) is { } found ? WorkflowInstance.Read(found) : null;
}

/// <summary>An instance as it stood at one moment.</summary>
public sealed partial record WorkflowInstance
{
    private const string Refused = "DurableTask.Sqlite.OrchestrationRefusedException";

    /// <summary>The id it was started under.</summary>
    public required string Id { get; init; }

    /// <summary>The orchestration's name.</summary>
    public required string Workflow { get; init; }

    /// <summary>Where it stands.</summary>
    public required WorkflowStatus Status { get; init; }

    /// <summary>The input as JSON; after a continue-as-new the newest one.</summary>
    public required string Input { get; init; }

    /// <summary>The result as JSON, once Completed.</summary>
    public string? Output { get; init; }

    /// <summary>Full name of the exception type, once Failed or Refused.</summary>
    public string? ErrorType { get; init; }

    /// <summary>Why it ended or is refused.</summary>
    public string? Error { get; init; }

    /// <summary>What the orchestration last set as its status, as JSON.</summary>
    public string? CustomStatus { get; init; }

    /// <summary>When it was started, UTC.</summary>
    public required DateTime Created { get; init; }

    /// <summary>When something was last recorded, UTC.</summary>
    public required DateTime Updated { get; init; }

    /// <summary>True when nothing more will happen.</summary>
    public bool IsFinished => Status >= WorkflowStatus.Completed;

    /// <summary>The output as a value.</summary>
    /// <exception cref="InvalidOperationException">There is none.</exception>
    public T ReadOutput<T>() => Output is null ? throw new InvalidOperationException($"Instance {Id} is {Status} and has no output. {Error}") : WorkflowJson.Read<T>(Output);

    /// <summary>From what Microsoft's client tells.</summary>
    public static WorkflowInstance Read(OrchestrationMetadata found)
    {
        ArgumentNullException.ThrowIfNull(found);
        var status = StatusOf(found);
        // The sentence of this project, where there is one: what caused it says less.
        var chain = Tasks.Chain(found.FailureDetails).ToList();
        var cause = chain.Find(failure => failure.ErrorType.StartsWith("Sana.", StringComparison.Ordinal)) ?? chain.LastOrDefault();
        var told = found.SerializedOutput is { } output ? Unquoted(output) : null;
        return new WorkflowInstance
        {
            Id = found.InstanceId,
            Workflow = found.Name,
            Status = status,
            Input = found.SerializedInput ?? "null",
            Output = status == WorkflowStatus.Completed ? found.SerializedOutput ?? "null" : null,
            // Not every storage keeps the details of a failure: then the output is its text, "Type: message".
            ErrorType = status is WorkflowStatus.Failed or WorkflowStatus.Refused ? cause?.ErrorType ?? TypeOf(told) : null,
            Error = status switch
            {
                WorkflowStatus.Canceled => told,
                WorkflowStatus.Failed or WorkflowStatus.Refused => cause?.ErrorMessage ?? MessageOf(told),
                _ => null,
            },
            CustomStatus = found.SerializedCustomStatus is null or "null" ? null : found.SerializedCustomStatus,
            Created = Started(found.SerializedCustomStatus) ?? found.CreatedAt.UtcDateTime,
            Updated = found.LastUpdatedAt.UtcDateTime,
        };
    }

    private static WorkflowStatus StatusOf(OrchestrationMetadata found) => found.RuntimeStatus switch
    {
        OrchestrationRuntimeStatus.Completed => WorkflowStatus.Completed,
        OrchestrationRuntimeStatus.Failed => WorkflowStatus.Failed,
        OrchestrationRuntimeStatus.Terminated => WorkflowStatus.Canceled,
        OrchestrationRuntimeStatus.Suspended => WorkflowStatus.Suspended,
        _ => found.FailureDetails?.ErrorType == Refused ? WorkflowStatus.Refused : WorkflowStatus.Running,
    };

    /// <summary>A run says when it was started: on Azure the time of an instance's creation moves with each continue-as-new.</summary>
    private static DateTime? Started(string? status)
    {
        try
        {
            using var document = status is null ? null : JsonDocument.Parse(status);
            return document?.RootElement is { ValueKind: JsonValueKind.Object } run && run.TryGetProperty("started", out var started) && started.TryGetDateTime(out var time)
                ? time.ToUniversalTime()
                : null;
        }
        catch (JsonException)
        {
            // Set by somebody else's function.
            return null;
        }
    }

    private static string Unquoted(string text)
    {
        try
        {
            return text is ['"', ..] ? WorkflowJson.Read<string>(text) : text;
        }
        catch (JsonException)
        {
            return text;
        }
    }

    private static string? TypeOf(string? failure) => failure is not null && Typed().Match(failure) is { Success: true } typed ? typed.Groups["type"].Value : null;

    private static string? MessageOf(string? failure)
    {
        if (failure is null)
            return null;
        while (Typed().Match(failure) is { Success: true } typed)
            failure = failure[typed.Length..];
        return failure;
    }

    [GeneratedRegex(@"\A(?<type>\w+(\.\w+)+): |\ATask '\w+' \(#\d+\) failed with an unhandled exception: ", RegexOptions.CultureInvariant)]
    private static partial Regex Typed();
}
