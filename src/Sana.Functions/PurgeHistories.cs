using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;
using Sana.Functions.Durable;

namespace Sana.Functions;

/// <summary>Once a day forgets instances that finished 30 days ago: the task hub keeps their histories until somebody does. Outputs are blobs and stay.</summary>
internal sealed class PurgeHistories(EngineSlot engine, TimeProvider clock)
{
    private static readonly TimeSpan Retention = TimeSpan.FromDays(30);

    [Function("PurgeHistories")]
    public Task Purge([TimerTrigger("0 15 3 * * *")] TimerInfo timer, [DurableClient] DurableTaskClient durable)
    {
        engine.Use(durable);
        return engine.Client.PurgeFinished(clock.GetUtcNow() - Retention);
    }
}
