using System.Text.Json.Serialization;

namespace Sana.Jobs.Queue;

/// <summary>
/// Several candidates of each image, of which judges keep the best. The candidates have the seeds from the image's own on, each is scored once, and equal ones go by their place, so the same request
/// keeps the same images.
/// </summary>
/// <param name="Of">Candidates of each image, 2…64.</param>
public sealed record BestOf(int Of)
{
    /// <summary>The most candidates of one image.</summary>
    public const int Most = 64;

    /// <value>How many of them are kept, 1…<see cref="Of"/> − 1. Default 1.</value>
    public int Keep { get; init; } = 1;

    /// <value>Labels of the judges: the first decides, each further one where those before it are equal. Default the first judge of images of the host.</value>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<string>? Judges { get; init; }

    /// <value>When as many candidates as are kept score at least so much by the first judge (at most so much where less is better), no further one is made. Default none: all are made.</value>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public double? StopAt { get; init; }

    /// <summary>The seeds of the candidates of an image.</summary>
    internal IEnumerable<ulong> Seeds(ulong first) => Enumerable.Range(0, Of).Select(i => unchecked(first + (ulong)i));

    /// <summary>Whether both ask for the same.</summary>
    internal static bool Same(BestOf? one, BestOf? other) =>
        (one?.Of, one?.Keep, one?.StopAt) == (other?.Of, other?.Keep, other?.StopAt) && (one?.Judges ?? []).SequenceEqual(other?.Judges ?? []);
}
