using Microsoft.DurableTask.Client;
using Sana.Workflows;
using Sana.Workflows.Contract;

namespace Sana.Functions.Durable;

/// <summary>
/// The engine for code that is no function. Durable's client comes only as a function's binding; what is behind it lives as long as the process, so the newest one is everybody's.
/// </summary>
internal sealed class EngineSlot : IWorkflowClient
{
    private volatile IWorkflowClient? _newest;

    private IWorkflowClient Newest => _newest ?? throw new WorkflowException("No function has brought the engine yet; try again.");

    /// <summary>Keeps the client of a function that runs.</summary>
    public void Use(DurableTaskClient durable) => _newest = new DurableWorkflowClient(durable);

    public Task<StartOutcome> Start<TIn, TOut>(Workflow<TIn, TOut> workflow, TIn input, string? id = null, bool restartFinished = false) =>
        Newest.Start(workflow, input, id, restartFinished);

    public Task<bool> RaiseEvent<T>(string id, string name, T payload) => Newest.RaiseEvent(id, name, payload);

    public Task<WorkflowInstance?> Get(string id) => Newest.Get(id);

    public Task<WorkflowInstance> Wait(string id, CancellationToken cancellation = default) => Newest.Wait(id, cancellation);

    public Task<IReadOnlyList<WorkflowInstance>> List(InstanceQuery query) => Newest.List(query);

    public Task<bool> Cancel(string id, string reason) => Newest.Cancel(id, reason);

    public Task<bool> Suspend(string id) => Newest.Suspend(id);

    public Task<bool> Resume(string id) => Newest.Resume(id);

    public Task<bool> Terminate(string id, string reason) => Newest.Terminate(id, reason);

    public Task<bool> Purge(string id) => Newest.Purge(id);

    public Task<int> PurgeFinished(DateTime before) => Newest.PurgeFinished(before);
}
