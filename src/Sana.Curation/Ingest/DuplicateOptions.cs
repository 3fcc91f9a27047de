namespace Sana.Curation.Ingest;

/// <summary>What counts as having been seen before.</summary>
public sealed record DuplicateOptions
{
    /// <value>
    /// Bits in which perceptual hashes of similar images may differ, 0…11; null finds equal bytes only. Default 3: what is saved again or scaled stays
    /// within, and from 4 on a search takes ten times as long.
    /// </value>
    public int? MaxDistance { get; init; } = 3;

    /// <value>
    /// An image that comes more often than this, equal or similar, is no picture of anything but a placeholder; 1 or more, null never suspects. Default 100.
    /// </value>
    public int? PlaceholderAfter { get; init; } = 100;

    /// <summary>Checks every value.</summary>
    /// <exception cref="CurationException">One is out of range.</exception>
    public void Check()
    {
        if (MaxDistance is < 0 or > 11)
            throw new CurationException($"{nameof(MaxDistance)} {MaxDistance} is outside 0…11; use 3, or leave it out for equal bytes only.");
        if (PlaceholderAfter < 1)
            throw new CurationException($"{nameof(PlaceholderAfter)} {PlaceholderAfter} is below 1; use 100, or leave it out.");
    }
}
