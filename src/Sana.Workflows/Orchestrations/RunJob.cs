using Sana.Workflows.Contract;
using Sana.Workflows.Queue;
using Sana.Workflows.Requests;

namespace Sana.Workflows.Orchestrations;

/// <summary>One job that was asked for by HTTP: onto the queue, wait for its end, tell who wanted to know.</summary>
public sealed class RunJob : IWorkflow<JobTicket, JobEnd>
{
    private static readonly StepRetry Patient = new() { MaxAttempts = 20, MaxInterval = TimeSpan.FromMinutes(1) };

    /// <inheritdoc />
    public async Task<JobEnd> Run(IWorkflowContext context, JobTicket ticket)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(ticket);
        JobEnd end;
        try
        {
            end = await Follow(context, ticket);
        }
        catch (StepFailedException error)
        {
            end = await context.Call(RequestedJobs.GiveUp, new JobGivenUp(ticket.JobId, JobStatus.Failed, FaultReason.TransientIo, error.ErrorMessage), Patient);
        }
        catch (WorkflowCanceledException canceled)
        {
            end = await context.Call(RequestedJobs.GiveUp, new JobGivenUp(ticket.JobId, JobStatus.Canceled, "canceled", canceled.Reason), Patient);
            if (end.Status == JobStatus.Canceled)
            {
                await Tell(context, ticket, end);
                throw;
            }
        }

        await Tell(context, ticket, end);
        return end;
    }

    private static async Task<JobEnd> Follow(IWorkflowContext context, JobTicket ticket)
    {
        try
        {
            if (await context.Call(RequestedJobs.Send, new JobSend(ticket.JobId, ticket.Message, context.InstanceId), Patient))
                await context.WaitForEvent<BatchDone>(RequestedJobs.Ended, TimeSpan.FromSeconds(ticket.DeadlineSeconds));
        }
        catch (TimeoutException)
        {
            // The event may be lost where the result is not: the document decides.
        }

        return await context.Call(RequestedJobs.ReadEnd, ticket.JobId, Patient)
            ?? await context.Call(
                RequestedJobs.GiveUp, new JobGivenUp(ticket.JobId, JobStatus.Failed, FaultReason.Timeout, $"No worker ended the job within {ticket.DeadlineSeconds} s."), Patient);
    }

    private static async Task Tell(IWorkflowContext context, JobTicket ticket, JobEnd end)
    {
        if (ticket.Webhook is { } target && target.Wants(end.Status))
            await context.Call(RequestedJobs.BeginDelivery, new WebhookMessage($"msg_{ticket.JobId}", target, $"job.{end.Status}", ticket.JobId), Patient);
    }
}
