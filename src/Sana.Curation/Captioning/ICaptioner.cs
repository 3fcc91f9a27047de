using Sana.Storage;
namespace Sana.Curation.Captioning;

/// <summary>A vision-language model that says what an image shows.</summary>
public interface ICaptioner
{
    /// <summary>
    /// What its captions depend on. It goes into rows, the manifest and the key of the cache, so nothing that only says how a run is operated is in it.
    /// </summary>
    CaptionerCard Card { get; }

    /// <summary>
    /// Asks for one caption. What goes wrong is a reason in the answer, never an exception; retries, rate limits, deadline and fallback are the captioner's
    /// own.
    /// </summary>
    /// <param name="ask">The image and how to ask.</param>
    /// <param name="cancellationToken">Stops the run.</param>
    Task<CaptionAnswer> Ask(CaptionAsk ask, CancellationToken cancellationToken);

    /// <summary>After a failure for good (a key, an account, a model) a captioner answers with that failure at once; this lets it try again.</summary>
    void Resume()
    {
    }
}

/// <summary>A captioner as records name it.</summary>
/// <param name="Label">Its id in shards and sidecars: ASCII letters, digits, hyphens and underscores, no dots, at most 64.</param>
/// <param name="Model">The model's own name.</param>
/// <param name="Revision">Of the model; null when nobody said.</param>
/// <param name="Licence">Of the model's captions; null when nobody said.</param>
/// <param name="Prompt">The prompt's template.</param>
/// <param name="Decoding">Canonical JSON of everything else that captions depend on: sampling, the image that is sent, the rules for usable captions.</param>
public sealed record CaptionerCard(string Label, string Model, string? Revision, string? Licence, string Prompt, string Decoding)
{
    /// <summary>First 16 hexadecimal digits of SHA-256 over prompt and decoding: what a cached caption depends on beside model and image.</summary>
    public string PromptId { get; } = Digest.Sha256(Prompt + '\0' + Decoding)[..16];
}

/// <summary>One question to a captioner.</summary>
/// <param name="Image">The normalised file.</param>
/// <param name="MediaType">image/jpeg or image/png.</param>
/// <param name="Width">Pixels.</param>
/// <param name="Height">Pixels.</param>
/// <param name="Original">The original caption, for prompts that use it; null when there is none.</param>
/// <param name="Repair">Null at first; else the reason code for which the first answer was refused, so that the captioner asks with other decoding.</param>
public sealed record CaptionAsk(ReadOnlyMemory<byte> Image, string MediaType, int Width, int Height, string? Original, string? Repair = null);

/// <summary>What a captioner answered: text, or a reason.</summary>
public sealed record CaptionAnswer
{
    /// <value>The text as it came; null when there is a reason.</value>
    public string? Text { get; init; }

    /// <value>stop, length, content_filter, or null when the endpoint did not say.</value>
    public string? FinishReason { get; init; }

    /// <value>Tokens of prompt and image, as the endpoint counts; 0 when it does not.</value>
    public int InputTokens { get; init; }

    /// <value>Tokens of the answer.</value>
    public int OutputTokens { get; init; }

    /// <value>Whether tokens are our estimate because the endpoint counted none. Default false.</value>
    public bool TokensEstimated { get; init; }

    /// <value>Price of every attempt that was answered, in the configuration's currency.</value>
    public decimal Cost { get; init; }

    /// <value>Requests sent, retries included.</value>
    public int Attempts { get; init; }

    /// <value>From the first request to the answer.</value>
    public double LatencyMs { get; init; }

    /// <value>Which endpoint answered when it was the fallback; else null.</value>
    public string? Endpoint { get; init; }

    /// <value>captioner_unavailable, captioner_timeout, captioner_refused, bad_answer, or caption_refusal of a filter; null when there is a text.</value>
    public string? Reason { get; init; }

    /// <value>One sentence to <see cref="Reason"/>; never a key.</value>
    public string? Message { get; init; }
}
