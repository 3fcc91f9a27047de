using Sana.Jobs.Queue;
using Sana.Storage.Net;

namespace Sana.Jobs.Requests;

/// <summary>Which webhooks a job may ask for, whoever asks: by HTTP or with a message on the queue.</summary>
/// <param name="Urls">Which addresses may be given.</param>
/// <param name="Secrets">Names of the secrets that may sign. Where there is none there are no webhooks.</param>
public sealed record CallbackRules(UrlRules Urls, IReadOnlyCollection<string> Secrets)
{
    private static readonly string[] Events = ["completed", "succeeded", "failed", "canceled"];

    /// <summary>Where the webhook goes.</summary>
    /// <exception cref="BlockedCallbackException">It may not be asked for; the exception names the field.</exception>
    public WebhookTarget Check(JobCallback callback)
    {
        ArgumentNullException.ThrowIfNull(callback);
        var secret = callback.SecretRef ?? "default";
        if (!Secrets.Contains(secret))
        {
            var shown = new string([.. secret.Take(64).Where(letter => !char.IsControl(letter))]);
            throw new BlockedCallbackException("callback.secret_ref", $"The server has no webhook secret '{shown}'.", null);
        }

        if (callback.Events is { } events && (events.Count is 0 or > 4 || events.Except(Events).Any()))
            throw new BlockedCallbackException("callback.events", "events takes completed, succeeded, failed and canceled; leave it out for all.", null);
        try
        {
            return new WebhookTarget(Urls.Check(callback.Url).AbsoluteUri, secret, callback.Events);
        }
        catch (BlockedAddressException error)
        {
            throw new BlockedCallbackException("callback.url", error.Message, error);
        }
    }
}

/// <summary>A webhook that may not be asked for.</summary>
/// <param name="field">Which field of the request.</param>
/// <param name="message">One sentence.</param>
/// <param name="innerException">The address's fault, when it is that.</param>
public sealed class BlockedCallbackException(string field, string message, BlockedAddressException? innerException) : Exception(message, innerException)
{
    /// <summary>Which field of the request, such as <c>callback.url</c>.</summary>
    public string Field { get; } = field;
}
