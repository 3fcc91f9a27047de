using System.Buffers.Binary;

namespace Sana.Curation.Ingest;

/// <summary>The chunks of a WebP; one that is shorter than its first length says is cut.</summary>
internal static class WebpChunks
{
    private const int HeaderBytes = 12;
    private const int ChunkHeaderBytes = 8;

    public static FileShell Walk(ReadOnlySpan<byte> bytes)
    {
        var (frames, hasProfile) = (0, false);
        var end = BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]) + 8L;
        for (long at = HeaderBytes; at + ChunkHeaderBytes <= Math.Min(end, bytes.Length);)
        {
            var chunk = bytes[(int)at..];
            if (chunk.StartsWith("ANMF"u8))
                frames++;
            hasProfile |= chunk.StartsWith("ICCP"u8);
            var length = BinaryPrimitives.ReadUInt32LittleEndian(chunk[4..]);
            at += ChunkHeaderBytes + length + (length & 1);
        }

        return new FileShell { Frames = Math.Max(1, frames), HasProfile = hasProfile, IsCut = end > bytes.Length };
    }
}
