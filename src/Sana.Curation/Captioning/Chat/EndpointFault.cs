namespace Sana.Curation.Captioning.Chat;

/// <summary>
/// What a request to an endpoint came to instead of an answer. It crosses the client library, so it is an exception; it never leaves the captioner.
/// </summary>
internal sealed class EndpointFault(string reason, string message, bool retryable, TimeSpan? retryAfter = null) : Exception(message)
{
    /// <summary>captioner_unavailable, captioner_timeout, captioner_refused or bad_answer.</summary>
    public string Reason => reason;

    /// <summary>Whether the same request may fare better later.</summary>
    public bool Retryable => retryable;

    /// <summary>When the endpoint wants it again.</summary>
    public TimeSpan? RetryAfter => retryAfter;

    public static EndpointFault BadAnswer(string message, bool retryable = true) => new(Reasons.BadAnswer, message, retryable);
}
