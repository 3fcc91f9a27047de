using Azure.Storage.Queues.Models;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;
using Sana.Jobs.Queue;
using Sana.Jobs.Worker;

namespace Sana.Functions;

/// <summary>The gpu role's trigger on a queue of Azure Storage, where a message that the function ends without an exception is done.</summary>
internal sealed class RenderFromStorageQueue(MessageProcessor processor, AppJobs jobs, DurableClientHolder durableClient)
{
    [Function("RenderFromStorageQueue")]
    public async Task Run(
        [QueueTrigger(AppQueue.QueueName, Connection = "AzureWebJobsStorage")] QueueMessage message, [DurableClient] DurableTaskClient durable, FunctionContext context)
    {
        durableClient.Use(durable);
        var read = AzureJobQueue.Read(message);
        var job = new QueuedJob { Id = read.Id, Receipt = read.Receipt, Body = read.Body, Deliveries = read.Deliveries + ReturnedJobs.Of(read.Body), Sent = read.Sent };
        await processor.Serve(job, (settlement, _) => Carry(job, settlement), context.CancellationToken);
    }

    private async Task Carry(QueuedJob job, Settlement settlement)
    {
        if (settlement.Kind == SettlementKind.DeadLetter)
            await (await jobs.Get(CancellationToken.None)).Queue.DeadLetter(job, settlement.Reason!, settlement.Message!, CancellationToken.None);
        else if (settlement.Kind == SettlementKind.Abandon && !await processor.SendLater(job, settlement.Delay, CancellationToken.None))
            throw new InvalidOperationException($"Message {job.Id} goes back: {settlement.Message}");
    }
}
