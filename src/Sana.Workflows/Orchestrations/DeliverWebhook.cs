using Sana.Workflows.Contract;
using Sana.Workflows.Requests;

namespace Sana.Workflows.Orchestrations;

/// <summary>One webhook, tried for about three days. A receiver that is down costs nobody else anything; one that is forbidden or gone is not asked again.</summary>
public sealed class DeliverWebhook : IWorkflow<WebhookMessage, bool>
{
    private static readonly StepRetry Days = new()
    {
        MaxAttempts = 20,
        FirstInterval = TimeSpan.FromSeconds(5),
        Backoff = 3,
        MaxInterval = TimeSpan.FromHours(5),
        ExceptFor = [typeof(Net.BlockedAddressException).FullName!],
    };

    /// <inheritdoc />
    public Task<bool> Run(IWorkflowContext context, WebhookMessage input)
    {
        ArgumentNullException.ThrowIfNull(context);
        return context.Call(RequestedJobs.PostOnce, input, Days);
    }
}
