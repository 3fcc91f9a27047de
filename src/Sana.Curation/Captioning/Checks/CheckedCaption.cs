namespace Sana.Curation.Captioning.Checks;

/// <summary>What the checks made of an answer: a usable text with flags, or a reason.</summary>
public sealed record CheckedCaption
{
    /// <value>As it came.</value>
    public required string Raw { get; init; }

    /// <value>What may be used; null when there is a reason.</value>
    public string? Text { get; init; }

    /// <value>Codes of what was found and mended, in the order of the checks.</value>
    public IReadOnlyList<string> Flags { get; init; } = [];

    /// <value>caption_empty, caption_refusal, caption_truncated, caption_repetition, caption_leak, caption_reasoning, caption_lang, caption_length or
    /// caption_encoding; null for a usable text.</value>
    public string? Reason { get; init; }

    /// <value>One sentence to <see cref="Reason"/>.</value>
    public string? Message { get; init; }

    /// <value>The full sentences of a cut text, if they are enough: what to use when asking again does not help.</value>
    public string? Salvage { get; init; }

    /// <value>ISO 639-1 code; null when the text does not tell.</value>
    public string? Lang { get; init; }

    /// <value>Words of <see cref="Text"/>.</value>
    public int Words { get; init; }
}
