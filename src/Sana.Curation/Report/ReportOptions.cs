namespace Sana.Curation.Report;

/// <summary>How much a report shows. Totals are always over every row.</summary>
public sealed record ReportOptions
{
    /// <value>Images in the gallery with all their captions, 0…5,000. Default 200, spread over the whole dataset by a hash of the key.</value>
    public int Images { get; init; } = 200;

    /// <value>Images shown for each reason, duplicates included, 0…200. Default 12.</value>
    public int ImagesPerReason { get; init; } = 12;

    /// <value>Longest side of a thumbnail in pixels, 64…1,024. Default 320.</value>
    public int ThumbnailSide { get; init; } = 320;

    /// <value>JPEG quality of thumbnails, 1…100. Default 72.</value>
    public int ThumbnailQuality { get; init; } = 72;

    /// <value>Bytes of the page, 1,000,000…500,000,000. Default 15,000,000. What does not fit is left out, and the page says how much.</value>
    public long MaxBytes { get; init; } = 15_000_000;

    internal ReportOptions Checked()
    {
        Within(Images, 0, 5_000, nameof(Images));
        Within(ImagesPerReason, 0, 200, nameof(ImagesPerReason));
        Within(ThumbnailSide, 64, 1_024, nameof(ThumbnailSide));
        Within(ThumbnailQuality, 1, 100, nameof(ThumbnailQuality));
        Within(MaxBytes, 1_000_000, 500_000_000, nameof(MaxBytes));
        return this;
    }

    private static void Within(long value, long least, long most, string name)
    {
        if (value < least || value > most)
            throw new CurationException($"The report's {name} is {value}; give {least}…{most}.");
    }
}
