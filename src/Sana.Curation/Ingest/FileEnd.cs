using System.Buffers.Binary;

namespace Sana.Curation.Ingest;

/// <summary>Tells files that end too early from files that are wrong inside, once decoding failed.</summary>
internal static class FileEnd
{
    /// <summary>Whether the bytes that are missing would explain the failure.</summary>
    public static bool IsCut(string format, ReadOnlySpan<byte> bytes, string error) => format switch
    {
        "jpeg" => error.Contains("premature end of JPEG image", StringComparison.Ordinal),
        "png" => PngChunks.Of(bytes).IsCut,
        "webp" => bytes.Length < 12 || BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]) + 8L > bytes.Length,
        "gif" => error.Contains("end of GIF source data", StringComparison.Ordinal),
        "tiff" => TiffTags.Of(bytes).IsCut || error.Contains("Read error", StringComparison.Ordinal),
        _ => false,
    };
}
