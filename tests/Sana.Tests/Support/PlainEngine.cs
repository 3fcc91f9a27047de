using System.Collections.Concurrent;
using Sana.Workflows.Contract;

namespace Sana.Tests.Support;

/// <summary>Workflows without any engine: tasks in memory and no history. What it answers is what a workflow means; an engine must answer the same.</summary>
internal sealed class PlainEngine(WorkflowRegistry registry, TimeProvider clock) : IWorkflowClient
{
    private readonly ConcurrentDictionary<string, PlainContext> _instances = [];

    public Task<StartOutcome> Start<TIn, TOut>(Workflow<TIn, TOut> workflow, TIn input, string? id = null, bool restartFinished = false)
    {
        id ??= Guid.NewGuid().ToString();
        if (restartFinished && _instances.TryGetValue(id, out var old) && old.Snapshot.IsFinished)
            _instances.TryRemove(id, out _);
        var (instance, isNew) = Begin(id, workflow.Name, WorkflowJson.Write(input), null);
        return Task.FromResult(new StartOutcome(instance.Snapshot, isNew));
    }

    public async Task<bool> RaiseEvent<T>(string id, string name, T payload) =>
        Unfinished(id) is { } instance && await instance.Do(() => instance.Arrive(name, WorkflowJson.Write(payload)));

    public Task<WorkflowInstance?> Get(string id) => Task.FromResult(_instances.GetValueOrDefault(id)?.Snapshot);

    public async Task<WorkflowInstance> Wait(string id, CancellationToken cancellation = default)
    {
        await _instances[id].Ended.WaitAsync(cancellation);
        return _instances[id].Snapshot;
    }

    public Task<IReadOnlyList<WorkflowInstance>> List(InstanceQuery query) =>
        Task.FromResult<IReadOnlyList<WorkflowInstance>>([.. _instances.Values.Select(instance => instance.Snapshot)]);

    public async Task<bool> Cancel(string id, string reason)
    {
        if (Unfinished(id) is not { } instance)
            return false;
        // The parent first: it is to hear of the cancel itself, and not of a child that ended by it.
        var children = _instances.Values.Where(other => other.Snapshot.ParentId == id).ToList();
        var done = await instance.Do(() => instance.Cancel(reason));
        foreach (var child in children)
            await Cancel(child.InstanceId, reason);
        return done;
    }

    public async Task<bool> Suspend(string id) => Unfinished(id) is { } instance && await instance.Do(instance.Suspend);

    public async Task<bool> Resume(string id) => Unfinished(id) is { } instance && await instance.Do(instance.Resume);

    public async Task<bool> Terminate(string id, string reason) => Unfinished(id) is { } instance && await instance.Do(() => instance.Terminate(reason));

    public Task<bool> Purge(string id) => Task.FromResult(Unfinished(id) is null && _instances.TryRemove(id, out _));

    public Task<int> PurgeFinished(DateTime before) => Task.FromResult(0);

    internal async Task<TOut> CallChild<TOut>(string parent, string workflow, string input, string id)
    {
        var (child, isNew) = Begin(id, workflow, input, parent);
        if (!isNew)
            throw new StepFailedException(workflow, "InstanceExists", $"The id {id} is taken.", 1);
        await child.Ended;
        var end = child.Snapshot;
        return end.Status == WorkflowStatus.Completed
            ? end.ReadOutput<TOut>()
            : throw new StepFailedException(workflow, end.ErrorType ?? "", end.Error ?? "", 1);
    }

    private (PlainContext Instance, bool IsNew) Begin(string id, string workflow, string input, string? parent)
    {
        var fresh = new PlainContext(this, registry, clock, id, workflow, input, parent);
        var instance = _instances.GetOrAdd(id, fresh);
        if (instance == fresh)
            fresh.Begin();
        return (instance, instance == fresh);
    }

    private PlainContext? Unfinished(string id) => _instances.TryGetValue(id, out var instance) && !instance.Snapshot.IsFinished ? instance : null;
}
