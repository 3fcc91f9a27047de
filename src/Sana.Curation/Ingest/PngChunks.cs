using System.Buffers.Binary;

namespace Sana.Curation.Ingest;

/// <summary>The chunks of a PNG; one without its end chunk is cut.</summary>
internal static class PngChunks
{
    private const int AroundData = 12; // length, type, checksum
    private static readonly byte[] _signature = [0x89, .. "PNG\r\n\x1A\n"u8];

    public static FileShell Walk(ReadOnlySpan<byte> bytes)
    {
        var shell = new FileShell { Frames = 1 };
        if (!bytes.StartsWith(_signature))
            return shell with { IsCut = bytes.Length < _signature.Length };
        for (long at = _signature.Length; at + AroundData <= bytes.Length;)
        {
            var chunk = bytes[(int)at..];
            var type = chunk[4..8];
            if (type.SequenceEqual("IEND"u8))
                return shell;
            if (type.SequenceEqual("IHDR"u8) && chunk.Length >= AroundData + 8)
                shell = shell with { Width = BinaryPrimitives.ReadUInt32BigEndian(chunk[8..]), Height = BinaryPrimitives.ReadUInt32BigEndian(chunk[12..]) };
            else if (type.SequenceEqual("acTL"u8) && chunk.Length >= AroundData + 8)
                shell = shell with { Frames = (int)Math.Clamp(BinaryPrimitives.ReadUInt32BigEndian(chunk[8..]), 1, int.MaxValue) };
            else if (type.SequenceEqual("iCCP"u8))
                shell = shell with { HasProfile = true };
            at += AroundData + BinaryPrimitives.ReadUInt32BigEndian(chunk);
        }

        return shell with { IsCut = true };
    }
}
