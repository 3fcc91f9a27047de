namespace Sana.Curation.Ingest;

/// <summary>What ingest made of a file: normalised pixels in the dataset's own format, or a reason.</summary>
public sealed record IngestedImage
{
    /// <value>SHA-256 of the bytes as they came, lower-case hexadecimal.</value>
    public required string Sha256 { get; init; }

    /// <value>Why it is rejected; null for a good image.</value>
    public string? Reason { get; init; }

    /// <value>One sentence to <see cref="Reason"/>: the value, the limit.</value>
    public string? Message { get; init; }

    /// <value>jpeg, png, webp, gif, tiff or avif by the first bytes; null when it is none of these.</value>
    public string? Format { get; init; }

    /// <value>Pixels as the header gives them, before orientation; 0 when unknown.</value>
    public int OriginalWidth { get; init; }

    /// <inheritdoc cref="OriginalWidth"/>
    public int OriginalHeight { get; init; }

    /// <value>Pixels of the normalised image.</value>
    public int Width { get; init; }

    /// <inheritdoc cref="Width"/>
    public int Height { get; init; }

    /// <value>Frames or pages of the file; the first one is taken.</value>
    public int Frames { get; init; } = 1;

    /// <value>64-bit perceptual hash of the normalised pixels; images that look alike differ in few bits.</value>
    public ulong Phash { get; init; }

    /// <value>
    /// Colours of a grid of 4 × 4 as it looks upright: of each cell, first row first, four bits of blue and four of red chroma (BT.601). Images whose <see
    /// cref="Phash"/> is alike and whose colours are not show other things.
    /// </value>
    public UInt128 Colours { get; init; }

    /// <value>The normalised file: 8-bit sRGB, upright, no metadata.</value>
    public byte[]? File { get; init; }

    /// <value>
    /// Codes of what was done: <c>ext_fixed</c>, <c>animated_first_frame</c>, <c>icc_converted</c>, <c>alpha_flattened</c>, <c>exif_orientation_applied</c>,
    /// <c>exif_ignored</c>.
    /// </value>
    public IReadOnlyList<string> Notes { get; init; } = [];
}

/// <summary>Codes of what ingest did to an image that it kept.</summary>
public static class IngestNotes
{
    /// <summary>The name's ending names another format than the bytes have.</summary>
    public const string ExtFixed = "ext_fixed";

    /// <summary>The first frame of several was taken.</summary>
    public const string AnimatedFirstFrame = "animated_first_frame";

    /// <summary>The first page of several was taken.</summary>
    public const string FirstPage = "first_page";

    /// <summary>Colours were converted through the embedded profile.</summary>
    public const string IccConverted = "icc_converted";

    /// <summary>The embedded profile cannot convert the image and was ignored.</summary>
    public const string IccIgnored = "icc_ignored";

    /// <summary>CMYK without a usable profile: converted as common print colours, which its own may differ from.</summary>
    public const string CmykNaive = "cmyk_naive";

    /// <summary>The image has transparency, which now shows the background.</summary>
    public const string AlphaFlattened = "alpha_flattened";

    /// <summary>The image was turned or mirrored as its tag says.</summary>
    public const string ExifOrientationApplied = "exif_orientation_applied";

    /// <summary>EXIF or XMP is broken and was ignored.</summary>
    public const string ExifIgnored = "exif_ignored";

    /// <summary>Metadata that breaks the rules of the format was left out, so that the pixels can be read.</summary>
    public const string MetadataIgnored = "metadata_ignored";

    /// <summary>The JPEG has all its pixels and lacks its end mark.</summary>
    public const string EndMarkMissing = "end_mark_missing";
}
