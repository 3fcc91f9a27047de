using System.Buffers.Binary;

namespace Sana.Curation.Ingest;

/// <summary>What the structure of a file says before a decoder is let near it.</summary>
internal readonly record struct FileShell
{
    /// <value>As the header gives it; 0 where only the decoder's own reading of the header is used.</value>
    public uint Width { get; init; }

    /// <inheritdoc cref="Width"/>
    public uint Height { get; init; }

    /// <value>Frames that the decoder would not see; else 1.</value>
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
        "webp" => new FileShell { Frames = 1, IsCut = BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]) + 8L > bytes.Length },
        _ => new FileShell { Frames = 1, IsCut = TiffTags.Of(bytes).IsCut },
    };

    /// <summary>Whether a decoder's complaint is that bytes are missing.</summary>
    public static bool IsBlamed(string format, string error) => format switch
    {
        "jpeg" => error.Contains("premature end of JPEG image", StringComparison.Ordinal),
        "gif" => error.Contains("end of GIF source data", StringComparison.Ordinal),
        "tiff" => error.Contains("Read error", StringComparison.Ordinal),
        _ => false,
    };
}
