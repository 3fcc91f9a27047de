namespace Sana.Curation.Selection;

/// <summary>A caption that may be chosen.</summary>
/// <param name="Label">Unique among an image's captions.</param>
/// <param name="Score">On the 0…100 scale; null when nobody scored it.</param>
public readonly record struct ScoredCaption(string Label, double? Score);

/// <summary>What the rule made of an image's captions.</summary>
public sealed record CaptionChoice
{
    /// <value>The chosen label; null when there is a <see cref="Reason"/>.</value>
    public string? Label { get; init; }

    /// <value>Score of the chosen caption; 0 when the rule goes by scores and there is none, as in Sana's code.</value>
    public double? Score { get; init; }

    /// <value>Probability with which it was drawn.</value>
    public double Prob { get; init; }

    /// <value>For each caption as given, its probability; null for one that was no candidate.</value>
    public required IReadOnlyList<double?> Probs { get; init; }

    /// <value>no_caption or image_score; null when one was chosen.</value>
    public string? Reason { get; init; }

    /// <value>One sentence to <see cref="Reason"/>.</value>
    public string? Message { get; init; }
}
