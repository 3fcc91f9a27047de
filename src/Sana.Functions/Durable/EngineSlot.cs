using Microsoft.DurableTask.Client;
using Sana.Jobs.Durable;

namespace Sana.Functions.Durable;

/// <summary>
/// The task hub for code that is no function. Durable's client comes only as a function's binding; what is behind it lives as long as the process, so the newest one serves all.
/// </summary>
internal sealed class EngineSlot
{
    private volatile DurableTaskClient? _newest;

    public EngineSlot() => Client = new WorkflowClient(() => _newest ?? throw new SanaException("No function has brought the Durable client yet; try again."));

    /// <summary>Starts, finds and steers instances.</summary>
    public WorkflowClient Client { get; }

    /// <summary>Keeps the client of a function that runs.</summary>
    public void Use(DurableTaskClient durable) => _newest = durable;
}
