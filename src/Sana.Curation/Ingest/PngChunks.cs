using System.Buffers.Binary;

namespace Sana.Curation.Ingest;

/// <summary>The chunks of a PNG, walked by their lengths alone.</summary>
/// <param name="IsCut">Whether the file ends before its end chunk.</param>
/// <param name="Frames">Frames of an animated PNG; else 1.</param>
internal readonly record struct PngChunks(bool IsCut, int Frames)
{
    private const int SignatureBytes = 8;
    private const int AroundData = 12; // length, type, checksum

    public static PngChunks Of(ReadOnlySpan<byte> bytes)
    {
        var frames = 1;
        for (long at = SignatureBytes; at + AroundData <= bytes.Length;)
        {
            var chunk = bytes[(int)at..];
            var type = chunk[4..8];
            if (type.SequenceEqual("IEND"u8))
                return new PngChunks(false, frames);
            var length = BinaryPrimitives.ReadUInt32BigEndian(chunk);
            if (type.SequenceEqual("acTL"u8) && length == 8 && chunk.Length >= AroundData + 8)
                frames = (int)Math.Clamp(BinaryPrimitives.ReadUInt32BigEndian(chunk[8..]), 1, int.MaxValue);
            at += AroundData + length;
        }

        return new PngChunks(true, frames);
    }
}
