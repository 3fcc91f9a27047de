using Microsoft.DurableTask;
using Sana.Jobs.Durable;

namespace Sana.Jobs.Requests;

/// <summary>One webhook, tried for about three days. A receiver that is down costs nobody else anything; one that is forbidden or gone is not asked again.</summary>
public sealed class DeliverWebhook : TaskOrchestrator<WebhookMessage, bool>
{
    /// <summary>Its name, with what it takes and gives.</summary>
    public static readonly Orchestration<WebhookMessage, bool> Workflow = new(nameof(DeliverWebhook));

    private static readonly TaskOptions Days = Tasks.Retry(
        20, first: TimeSpan.FromSeconds(5), longest: TimeSpan.FromHours(5), backoff: 3, except: [typeof(Storage.Net.BlockedAddressException).FullName!]);

    /// <inheritdoc />
    public override Task<bool> RunAsync(TaskOrchestrationContext context, WebhookMessage input) => context.Call(RequestedJobs.PostWebhook, input, Days);
}
