using Microsoft.DurableTask;
using Sana.Jobs.Durable;
using Sana.Jobs.Generation;
using Sana.Jobs.Queue;

namespace Sana.Jobs.Requests;

/// <summary>One job that was asked for by HTTP: onto the queue, wait for its end, tell who wanted to know. It hears of a cancel by an event, because then its result is to be written.</summary>
public sealed class RunJob : TaskOrchestrator<JobTicket, JobEnd>
{
    /// <summary>Its name, with what it takes and gives.</summary>
    public static readonly Orchestration<JobTicket, JobEnd> Workflow = new(nameof(RunJob));

    private static readonly TaskOptions Retry = Tasks.Retry(20, longest: TimeSpan.FromMinutes(1));

    /// <inheritdoc />
    public override async Task<JobEnd> RunAsync(TaskOrchestrationContext context, JobTicket input)
    {
        ArgumentNullException.ThrowIfNull(input);
        JobEnd end;
        try
        {
            end = await Follow(context, input);
        }
        catch (TaskFailedException error)
        {
            var reason = Tasks.Chain(error.FailureDetails).Last().ErrorMessage;
            end = await context.Call(RequestedJobs.GiveUpJob, GivenUp(input, JobStatus.Failed, FaultReason.TransientIo, reason), Retry);
        }

        if (input.Webhook is { } target && target.Wants(end.Status))
            await context.Call(RequestedJobs.StartDelivery, WebhookMessage.Of(input.JobId, input.Round, target, end.Status), Retry);
        return end;
    }

    private static async Task<JobEnd> Follow(TaskOrchestrationContext context, JobTicket ticket)
    {
        // A dead letter that was put back is in a worker's hands already.
        if (ticket.Round > 0 || await context.Call(RequestedJobs.SendJob, new JobSend(ticket.JobId, ticket.Message, context.InstanceId), Retry))
        {
            using var rest = new CancellationTokenSource();
            var ended = context.WaitForExternalEvent<BatchDone>(RequestedJobs.Ended, rest.Token);
            var cancel = context.WaitForExternalEvent<string>(WorkflowClient.CancelEvent, rest.Token);
            var deadline = context.CreateTimer(context.CurrentUtcDateTime.AddSeconds(ticket.DeadlineSeconds), rest.Token);
            var first = await Task.WhenAny(ended, cancel, deadline);
            rest.Cancel();
            if (first == cancel)
                return await context.Call(RequestedJobs.GiveUpJob, GivenUp(ticket, JobStatus.Canceled, "canceled", await cancel), Retry);
        }

        // The event may be lost where the result is not: the document decides.
        return await context.Call(RequestedJobs.ReadJobEnd, ticket.JobId, Retry)
            ?? await context.Call(
                RequestedJobs.GiveUpJob, GivenUp(ticket, JobStatus.Failed, FaultReason.Timeout, $"No worker ended the job within {ticket.DeadlineSeconds} s."), Retry);
    }

    private static JobGivenUp GivenUp(JobTicket ticket, string status, string code, string reason) => new(ticket.JobId, status, code, reason, ticket.Sha256) { Round = ticket.Round };
}
