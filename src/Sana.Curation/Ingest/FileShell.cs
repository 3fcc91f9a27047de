namespace Sana.Curation.Ingest;

/// <summary>What the structure of a file says before a decoder is let near it.</summary>
internal readonly record struct FileShell
{
    /// <value>As the header gives it; 0 where only the decoder's own reading of the header is used.</value>
    public uint Width { get; init; }

    /// <inheritdoc cref="Width"/>
    public uint Height { get; init; }

    /// <value>Frames or pages, 1 or more.</value>
    public int Frames { get; init; }

    /// <value>Whether there is a colour profile, good or not.</value>
    public bool HasProfile { get; init; }

    /// <value>Whether bytes are missing by the format's own marks, whatever a decoder would make of the rest.</value>
    public bool IsCut { get; init; }

    /// <summary>Walks a file by the lengths in it.</summary>
    public static FileShell Of(string format, ReadOnlySpan<byte> bytes) => format switch
    {
        "jpeg" => JpegSegments.Walk(bytes),
        "png" => PngChunks.Walk(bytes),
        "gif" => GifBlocks.Walk(bytes),
        "webp" => WebpChunks.Walk(bytes),
        _ => new FileShell { Frames = TiffTags.Pages(bytes), IsCut = TiffTags.Of(bytes).IsCut },
    };
}
