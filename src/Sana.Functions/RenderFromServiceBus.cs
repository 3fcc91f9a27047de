using Azure.Messaging.ServiceBus;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;
using Sana.Jobs.Queue;
using Sana.Jobs.Worker;

namespace Sana.Functions;

/// <summary>The gpu role's trigger on Service Bus. It settles its message itself (host.json: autoCompleteMessages false), and the host renews the lock meanwhile.</summary>
internal sealed class RenderFromServiceBus(MessageProcessor processor, DurableClientHolder durableClient)
{
    [Function("RenderFromServiceBus")]
    public async Task Run(
        [ServiceBusTrigger(AppQueue.QueueName, Connection = "ServiceBus")] ServiceBusReceivedMessage message,
        ServiceBusMessageActions actions,
        [DurableClient] DurableTaskClient durable,
        FunctionContext context)
    {
        durableClient.Use(durable);
        await Settle(message, actions, context.CancellationToken);
    }

    /// <summary>One message from its body to the action that ends its delivery.</summary>
    internal async Task Settle(ServiceBusReceivedMessage message, ServiceBusMessageActions actions, CancellationToken stop)
    {
        var job = ServiceBusJobQueue.Read(message);
        await processor.Serve(job, (settlement, stopping) => Carry(message, job, settlement, actions, stopping), stop);
    }

    private async Task Carry(ServiceBusReceivedMessage message, QueuedJob job, Settlement settlement, ServiceBusMessageActions actions, CancellationToken stop)
    {
        if (settlement.Kind == SettlementKind.DeadLetter)
        {
            var (reason, sentence) = (ServiceBusJobQueue.Short(settlement.Reason!), ServiceBusJobQueue.Short(settlement.Message!));
            await actions.DeadLetterMessageAsync(message, deadLetterReason: reason, deadLetterErrorDescription: sentence, cancellationToken: CancellationToken.None);
        }
        else if (settlement.Kind == SettlementKind.Complete || (settlement.Delay > TimeSpan.Zero && await processor.SendLater(job, settlement.Delay, CancellationToken.None)))
        {
            await actions.CompleteMessageAsync(message, CancellationToken.None);
        }
        else
        {
            // It would come back at once and use up its deliveries, so the delay passes here, in part.
            await processor.Pause(settlement.Delay, stop);
            await actions.AbandonMessageAsync(message, cancellationToken: CancellationToken.None);
        }
    }
}
