namespace Sana.Curation.Ingest;

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
}
