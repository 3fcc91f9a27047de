namespace Sana.Curation.Captioning.Config;

/// <summary>What a usable caption must be like.</summary>
public sealed record CaptionRules
{
    /// <value>ISO 639-1 code of the language that captions are in, one of those that <see cref="Checks.CaptionLanguage"/> tells apart; <c>any</c> lets every
    /// one pass. Default <c>en</c>.</value>
    public string Language { get; init; } = "en";

    /// <value>Words at least, 1…1,000. Default 3. Also what a caption cut at its first repeat or last full sentence must keep, but never less than 8.</value>
    public int MinWords { get; init; } = 3;

    /// <value>Words at most, 1…10,000. Default 1,000.</value>
    public int MaxWords { get; init; } = 1000;

    /// <value>How else this model refuses: regular expressions over the beginning of the text, case ignored, at most 32 of 200 characters.</value>
    public IReadOnlyList<string> RefusalPatterns { get; init; } = [];

    /// <value>Whether openers such as <c>The image depicts</c> are taken off. Default false.</value>
    public bool StripOpener { get; init; }
}
