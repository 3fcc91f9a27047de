using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Sana.Workflows.Contract;

namespace Sana.Functions.Durable;

/// <summary>Starts, finds and steers instances through Durable's client.</summary>
/// <param name="durable">Bound to the app's task hub.</param>
internal sealed class DurableWorkflowClient(DurableTaskClient durable) : IWorkflowClient
{
    private static readonly OrchestrationRuntimeStatus[] Unfinished =
        [OrchestrationRuntimeStatus.Running, OrchestrationRuntimeStatus.Pending, OrchestrationRuntimeStatus.Suspended];

    private static readonly OrchestrationRuntimeStatus[] Finished =
        [OrchestrationRuntimeStatus.Completed, OrchestrationRuntimeStatus.Failed, OrchestrationRuntimeStatus.Terminated];

    public async Task<StartOutcome> Start<TIn, TOut>(Workflow<TIn, TOut> workflow, TIn input, string? id = null, bool restartFinished = false)
    {
        id ??= Guid.CreateVersion7().ToString();
        if (await Get(id) is { } there && !(restartFinished && there.IsFinished))
            return new StartOutcome(there, false);
        // Looking and starting are two requests: of two that race the service lets one start, and the other finds it.
        OrchestrationRuntimeStatus[] keep = restartFinished ? Unfinished : [.. Unfinished, .. Finished];
        var options = new StartOrchestrationOptions(InstanceId: InstanceIds.Encode(id)).WithDedupeStatuses(keep);
        try
        {
            await durable.ScheduleNewOrchestrationInstanceAsync(TaskNames.Of(workflow.Name), Json.Of(input), options);
        }
        catch (Exception) when (!restartFinished)
        {
            if (await Get(id) is { } other)
                return new StartOutcome(other, false);
            throw;
        }

        return new StartOutcome(await Get(id) ?? throw new KeyNotFoundException($"Instance {id} was started and is not there."), true);
    }

    public async Task<bool> RaiseEvent<T>(string id, string name, T payload)
    {
        if (await Get(id) is not { IsFinished: false })
            return false;
        await durable.RaiseEventAsync(InstanceIds.Encode(id), name, Json.Of(payload));
        return true;
    }

    public async Task<WorkflowInstance?> Get(string id) =>
        await durable.GetInstanceAsync(InstanceIds.Encode(id), getInputsAndOutputs: true) is { } found ? Instances.Read(found, id) : null;

    public async Task<WorkflowInstance> Wait(string id, CancellationToken cancellation = default)
    {
        if (await Get(id) is null)
            throw new KeyNotFoundException($"There is no instance {id}.");
        return Instances.Read(await durable.WaitForInstanceCompletionAsync(InstanceIds.Encode(id), getInputsAndOutputs: true, cancellation), id);
    }

    public async Task<IReadOnlyList<WorkflowInstance>> List(InstanceQuery query)
    {
        var newest = new PriorityQueue<WorkflowInstance, DateTime>();
        await foreach (var found in durable.GetAllInstancesAsync(new OrchestrationQuery
        {
            Statuses = query.Statuses.Count == 0 ? null : query.Statuses.Select(Instances.StatusOf).Distinct().ToArray(),
            InstanceIdPrefix = query.IdPrefix.Length == 0 ? null : InstanceIds.Encode(query.IdPrefix),
            FetchInputsAndOutputs = true,
        }))
        {
            var instance = Instances.Read(found, InstanceIds.Decode(found.InstanceId));
            if ((query.Workflow is { } name && instance.Workflow != name) || (query.TopOnly && Instances.IsChild(instance.Id))
                || (query.Statuses.Count > 0 && !query.Statuses.Contains(instance.Status)))
                continue;
            newest.Enqueue(instance, instance.Created);
            if (newest.Count > query.Skip + query.Limit)
                newest.Dequeue();
        }

        return [.. newest.UnorderedItems.Select(item => item.Element).OrderByDescending(instance => instance.Created).Skip(query.Skip)];
    }

    public async Task<bool> Cancel(string id, string reason)
    {
        if (await Get(id) is not { IsFinished: false } instance)
            return false;
        if (instance.Status == WorkflowStatus.Suspended)
            await Resume(id);
        // The instance passes it on to the children it waits for.
        await durable.RaiseEventAsync(InstanceIds.Encode(id), DurableWorkflowContext.CancelEvent, reason);
        return true;
    }

    public Task<bool> Suspend(string id) => Each(
        id, instance => instance is { IsFinished: false, Status: not WorkflowStatus.Suspended }, family => durable.SuspendInstanceAsync(family, "sana suspend"));

    public Task<bool> Resume(string id) => Each(id, instance => instance.Status == WorkflowStatus.Suspended, family => durable.ResumeInstanceAsync(family, "sana resume"));

    public async Task<bool> Terminate(string id, string reason)
    {
        if (await Get(id) is not { IsFinished: false })
            return false;
        await durable.TerminateInstanceAsync(InstanceIds.Encode(id), new TerminateInstanceOptions(reason, Recursive: true));
        return true;
    }

    public async Task<bool> Purge(string id) =>
        await Get(id) is { IsFinished: true }
        && (await durable.PurgeInstanceAsync(InstanceIds.Encode(id), new PurgeInstanceOptions(Recursive: true))).PurgedInstanceCount > 0;

    public async Task<int> PurgeFinished(DateTime before)
    {
        var old = new List<string>();
        await foreach (var found in durable.GetAllInstancesAsync(new OrchestrationQuery { Statuses = Finished, CreatedTo = before }))
        {
            if (found.LastUpdatedAt.UtcDateTime < before && !Instances.IsChild(InstanceIds.Decode(found.InstanceId)))
                old.Add(found.InstanceId);
        }

        foreach (var id in old)
            await durable.PurgeInstanceAsync(id, new PurgeInstanceOptions(Recursive: true));
        return old.Count;
    }

    /// <summary>Durable steers one instance at a time: a child is found by its id, which begins with its parent's.</summary>
    private async Task<bool> Each(string id, Func<WorkflowInstance, bool> fits, Func<string, Task> act)
    {
        var family = new List<WorkflowInstance>();
        if (await Get(id) is { } top)
            family.Add(top);
        family.AddRange(await List(new InstanceQuery { IdPrefix = Instances.ChildrenOf(id), TopOnly = false, Statuses = [WorkflowStatus.Running, WorkflowStatus.Suspended], Limit = 10_000 }));
        var fitting = family.Where(fits).ToList();
        foreach (var instance in fitting)
            await act(InstanceIds.Encode(instance.Id));
        return fitting.Count > 0;
    }
}
