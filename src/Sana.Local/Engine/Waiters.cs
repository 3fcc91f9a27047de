using Sana.Workflows.Contract;

namespace Sana.Local.Engine;

/// <summary>Who waits for the end of which instance. Used by the writer thread alone.</summary>
internal sealed class Waiters
{
    private readonly Dictionary<string, List<TaskCompletionSource<WorkflowInstance>>> _byId = [];

    public void Add(string id, TaskCompletionSource<WorkflowInstance> waiter)
    {
        if (!_byId.TryAdd(id, [waiter]))
            _byId[id].Add(waiter);
    }

    public void Remove(string id, TaskCompletionSource<WorkflowInstance> waiter)
    {
        if (_byId.TryGetValue(id, out var waiters) && waiters.Remove(waiter) && waiters.Count == 0)
            _byId.Remove(id);
    }

    /// <param name="id">The instance that ended.</param>
    /// <param name="find">Reads it; not called when nobody waits.</param>
    public void Answer(string id, Func<string, WorkflowInstance?> find)
    {
        if (!_byId.Remove(id, out var waiters) || find(id) is not { } instance)
            return;
        foreach (var waiter in waiters)
            waiter.TrySetResult(instance);
    }

    public void Fail(EngineException error)
    {
        foreach (var waiter in _byId.Values.SelectMany(waiters => waiters))
            waiter.TrySetException(error);
        _byId.Clear();
    }
}
