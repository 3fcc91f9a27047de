using System.Buffers.Binary;

namespace Sana.Curation.Ingest;

/// <summary>The first directory of a TIFF, or of the EXIF block that has the same shape, read without trusting a number in it.</summary>
internal readonly ref struct TiffTags
{
    private const int EntryBytes = 12;
    private readonly ReadOnlySpan<byte> _entries;
    private readonly bool _isBigEndian;

    private TiffTags(ReadOnlySpan<byte> entries, bool isBigEndian, bool isCut, bool isBroken)
    {
        _entries = entries;
        _isBigEndian = isBigEndian;
        IsCut = isCut;
        IsBroken = isBroken;
    }

    /// <summary>Whether the directory lies beyond the last byte.</summary>
    public bool IsCut { get; }

    /// <summary>Whether it is no directory, or has values that lie beyond the last byte.</summary>
    public bool IsBroken { get; }

    /// <summary>Reads the directory that the header names.</summary>
    public static TiffTags Of(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < 8)
            return new([], false, isCut: true, isBroken: true);
        var isBigEndian = bytes[0] == 'M';
        if (bytes[..4] is not ([(byte)'I', (byte)'I', 42, 0] or [(byte)'M', (byte)'M', 0, 42]))
            return new([], isBigEndian, isCut: false, isBroken: true);
        var at = Read32(bytes[4..], isBigEndian);
        if (at < 8 || at + 2 > bytes.Length)
            return new([], isBigEndian, isCut: at >= 8, isBroken: true);
        var count = Read16(bytes[(int)at..], isBigEndian);
        var from = (int)at + 2;
        var length = Math.Min(count * EntryBytes, (bytes.Length - from) / EntryBytes * EntryBytes);
        var entries = bytes.Slice(from, length);
        var isCut = length < count * EntryBytes;
        return new(entries, isBigEndian, isCut, isCut || HasValuesBeyond(entries, isBigEndian, bytes.Length));
    }

    public bool HasTag(ushort tag)
    {
        for (var at = 0; at < _entries.Length; at += EntryBytes)
        {
            if (Read16(_entries[at..], _isBigEndian) == tag)
                return true;
        }

        return false;
    }

    private static bool HasValuesBeyond(ReadOnlySpan<byte> entries, bool isBigEndian, int length)
    {
        for (var at = 0; at < entries.Length; at += EntryBytes)
        {
            var bytesOfOne = Read16(entries[(at + 2)..], isBigEndian) switch { 1 or 2 or 6 or 7 => 1, 3 or 8 => 2, 4 or 9 or 11 or 13 => 4, 5 or 10 or 12 => 8, _ => 0 };
            var size = bytesOfOne * Read32(entries[(at + 4)..], isBigEndian);
            if (size > 4 && Read32(entries[(at + 8)..], isBigEndian) + size > length)
                return true;
        }

        return false;
    }

    private static ushort Read16(ReadOnlySpan<byte> bytes, bool isBigEndian) =>
        isBigEndian ? BinaryPrimitives.ReadUInt16BigEndian(bytes) : BinaryPrimitives.ReadUInt16LittleEndian(bytes);

    private static long Read32(ReadOnlySpan<byte> bytes, bool isBigEndian) =>
        isBigEndian ? BinaryPrimitives.ReadUInt32BigEndian(bytes) : BinaryPrimitives.ReadUInt32LittleEndian(bytes);
}
