using Azure.Messaging.ServiceBus;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;
using Sana.Functions.Durable;
using Sana.Functions.Queue;
using Sana.Workflows.Queue;
using Sana.Workflows.Rendering;

namespace Sana.Functions.Rendering;

/// <summary>The gpu role's trigger on Service Bus. It settles its message itself (host.json: autoCompleteMessages false), and the host renews the lock meanwhile.</summary>
internal sealed class RenderFromServiceBus(RenderDesk desk, EngineSlot engine)
{
    [Function("RenderFromServiceBus")]
    public async Task Run(
        [ServiceBusTrigger(JobQueues.Name, Connection = "ServiceBus")] ServiceBusReceivedMessage message,
        ServiceBusMessageActions actions,
        [DurableClient] DurableTaskClient durable,
        FunctionContext context)
    {
        engine.Use(durable);
        var job = ServiceBusJobQueue.Read(message);
        await desk.Serve(job, verdict => Carry(message, job, verdict, actions), context.CancellationToken);
    }

    private async Task Carry(ServiceBusReceivedMessage message, QueuedJob job, Verdict verdict, ServiceBusMessageActions actions)
    {
        if (verdict.Kind == VerdictKind.Bury)
            await actions.DeadLetterMessageAsync(message, deadLetterReason: verdict.Reason, deadLetterErrorDescription: verdict.Message);
        else if (verdict.Kind == VerdictKind.Complete || (verdict.Delay > TimeSpan.Zero && await desk.SendLater(job, verdict.Delay, CancellationToken.None)))
            await actions.CompleteMessageAsync(message);
        else
            await actions.AbandonMessageAsync(message);
    }
}
