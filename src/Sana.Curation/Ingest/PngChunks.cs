using System.Buffers.Binary;
using System.IO.Compression;

namespace Sana.Curation.Ingest;

/// <summary>The chunks of a PNG; one without its end chunk is cut.</summary>
internal static class PngChunks
{
    private const int AroundData = 12; // length, type, checksum
    private const int MostProfileBytes = 8 << 20; // large print profiles have three million
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

    /// <summary>
    /// A file that <see cref="Walk"/> found whole, without texts and profiles of absurd size: both are packed a thousand to one, and libpng unpacks and keeps
    /// them.
    /// </summary>
    public static byte[] WithoutBombs(byte[] bytes)
    {
        if (!bytes.AsSpan().StartsWith(_signature))
            return bytes;
        var kept = new MemoryStream();
        var (from, at) = (0, _signature.Length);
        while (at + AroundData <= bytes.Length)
        {
            var chunk = bytes.AsSpan(at);
            if (chunk[4..8].SequenceEqual("IEND"u8))
                break;
            var after = at + AroundData + (int)BinaryPrimitives.ReadUInt32BigEndian(chunk);
            if (IsText(chunk[4..8]) || (chunk[4..8].SequenceEqual("iCCP"u8) && ProfileBytes(bytes[(at + 8)..(after - 4)]) > MostProfileBytes))
            {
                kept.Write(bytes, from, at - from);
                from = after;
            }

            at = after;
        }

        if (from == 0)
            return bytes;
        kept.Write(bytes, from, bytes.Length - from);
        return kept.ToArray();
    }

    private static bool IsText(ReadOnlySpan<byte> type) => type.SequenceEqual("tEXt"u8) || type.SequenceEqual("zTXt"u8) || type.SequenceEqual("iTXt"u8);

    // A name, a zero, the method; then packed, and the profile's first four bytes are its length.
    private static long ProfileBytes(byte[] data)
    {
        var packed = Array.IndexOf(data, (byte)0) + 2;
        try
        {
            using var profile = new ZLibStream(new MemoryStream(data, packed, Math.Max(0, data.Length - packed)), CompressionMode.Decompress);
            var length = new byte[4];
            profile.ReadExactly(length);
            return BinaryPrimitives.ReadUInt32BigEndian(length);
        }
        catch (Exception error) when (error is InvalidDataException or EndOfStreamException or ArgumentException)
        {
            return long.MaxValue;
        }
    }
}
