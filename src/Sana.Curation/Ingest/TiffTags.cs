using System.Buffers.Binary;
using System.Text.Unicode;
using NetVips;

namespace Sana.Curation.Ingest;

/// <summary>The first directory of a TIFF, or of the EXIF block that has the same shape, read without trusting a number in it.</summary>
internal readonly ref struct TiffTags
{
    private const int EntryBytes = 12;
    private const int MostPages = 100_001; // counting ends above any limit
    private const ushort Short = 3;
    private const ushort StripOffsets = 273;
    private const ushort StripByteCounts = 279;
    private const ushort TileOffsets = 324;
    private const ushort TileByteCounts = 325;

    // Sizes, places, forms and colours of the pixels, orientation and profile: everything else is metadata.
    private static readonly HashSet<ushort> _pixels =
    [
        254, 256, 257, 258, 259, 262, 263, 266, 273, 274, 277, 278, 279, 280, 281, 284, 292, 293, 297, 301, 317, 318, 319, 320, 321, 322, 323, 324, 325,
            332, 334, 336, 338, 339, 340, 341, 347, 512, 513, 514, 519, 520, 521,
        529, 530, 531, 532, 34675,
    ];

    private readonly ReadOnlySpan<byte> _bytes;
    private readonly ReadOnlySpan<byte> _entries;
    private readonly bool _isBigEndian;
    private readonly bool _isEarly;

    private TiffTags(ReadOnlySpan<byte> bytes, ReadOnlySpan<byte> entries, bool isBigEndian, bool isEarly)
    {
        _bytes = bytes;
        _entries = entries;
        _isBigEndian = isBigEndian;
        _isEarly = isEarly;
    }

    /// <summary>Whether the directory, or pixels that it names, lie beyond the last byte.</summary>
    public bool IsCut => _isEarly || HasDataBeyond(StripOffsets, StripByteCounts) || HasDataBeyond(TileOffsets, TileByteCounts);

    /// <summary>Whether it is no directory, or has values that lie beyond the last byte.</summary>
    public bool IsBroken
    {
        get
        {
            for (var at = 0; at < _entries.Length; at += EntryBytes)
            {
                var size = BytesOf(Read16(_entries[(at + 2)..])) * Read32(_entries[(at + 4)..]);
                if (size > 4 && Read32(_entries[(at + 8)..]) + size > _bytes.Length)
                    return true;
            }

            return _isEarly || _entries.IsEmpty;
        }
    }

    /// <summary>Directories of a file, each of which names the next; where they come back to one of them, the count ends there.</summary>
    public static int Pages(ReadOnlySpan<byte> bytes)
    {
        var seen = new HashSet<long>();
        if (bytes.Length < 8)
            return 1;
        var head = new TiffTags(bytes, [], bytes[0] == 'M', isEarly: false);
        var at = head.Read32(bytes[4..]);
        while (at >= 8 && at + 2 <= bytes.Length && seen.Count < MostPages && seen.Add(at))
        {
            var next = at + 2 + (EntryBytes * head.Read16(bytes[(int)at..]));
            at = next + 4 <= bytes.Length ? head.Read32(bytes[(int)next..]) : 0;
        }

        return Math.Max(1, seen.Count);
    }

    /// <summary>Reads the directory that the header names.</summary>
    public static TiffTags Read(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < 8)
            return new(bytes, [], false, isEarly: true);
        var head = new TiffTags(bytes, [], bytes[0] == 'M', isEarly: false);
        if (bytes[..4] is not ([(byte)'I', (byte)'I', 42, 0] or [(byte)'M', (byte)'M', 0, 42]))
            return head;
        var at = head.Read32(bytes[4..]);
        if (at < 8 || at + 2 > bytes.Length)
            return new(bytes, [], false, isEarly: at >= 8);
        var from = (int)at + 2;
        var length = EntryBytes * head.Read16(bytes[(int)at..]);
        var there = Math.Min(length, (bytes.Length - from) / EntryBytes * EntryBytes);
        return new(bytes, bytes.Slice(from, there), head._isBigEndian, isEarly: there < length);
    }

    public bool HasTag(ushort tag) => EntryOf(tag) >= 0;

    /// <summary>
    /// The file with the first directory's entries that make the pixels alone, in their order; null when it has no directory that can be read.
    /// </summary>
    public static byte[]? Bare(byte[] bytes)
    {
        var tags = Read(bytes);
        if (tags._entries.IsEmpty || tags._isEarly)
            return null;
        var at = (int)tags.Read32(bytes.AsSpan(4));
        var kept = new SortedDictionary<ushort, byte[]>();
        for (var entry = 0; entry < tags._entries.Length; entry += EntryBytes)
        {
            var bare = tags._entries.Slice(entry, EntryBytes);
            if (_pixels.Contains(tags.Read16(bare)))
                kept.TryAdd(tags.Read16(bare), bare.ToArray());
        }

        var file = (byte[])bytes.Clone();
        var place = file.AsSpan(at);
        if (tags._isBigEndian)
            BinaryPrimitives.WriteUInt16BigEndian(place, (ushort)kept.Count);
        else
            BinaryPrimitives.WriteUInt16LittleEndian(place, (ushort)kept.Count);
        place = place[2..];
        foreach (var entry in kept.Values)
        {
            entry.CopyTo(place);
            place = place[EntryBytes..];
        }

        // Where the next directory lies stays said, so that a file whose directories lead in a circle stays refused.
        var next = at + 2 + tags._entries.Length;
        if (next + 4 > bytes.Length)
            return null;
        bytes.AsSpan(next, 4).CopyTo(place);
        return file;
    }

    private int EntryOf(ushort tag)
    {
        for (var at = 0; at < _entries.Length; at += EntryBytes)
        {
            if (Read16(_entries[at..]) == tag)
                return at;
        }

        return -1;
    }

    private bool HasDataBeyond(ushort offsets, ushort lengths)
    {
        var starts = Values(offsets);
        var sizes = Values(lengths);
        for (var i = 0; i < Math.Min(starts.Count, sizes.Count); i++)
        {
            if (starts.At(i, this) + sizes.At(i, this) > _bytes.Length)
                return true;
        }

        return false;
    }

    private ValueRun Values(ushort tag)
    {
        var entry = EntryOf(tag);
        if (entry < 0)
            return default;
        var ofOne = Read16(_entries[(entry + 2)..]) == Short ? 2 : 4;
        var count = (int)Math.Min(Read32(_entries[(entry + 4)..]), _bytes.Length / ofOne); // a lie beyond that
        var place = _entries.Slice(entry + 8, 4);
        if (ofOne * count <= 4)
            return new ValueRun(place, ofOne, count);
        var at = Read32(place);
        return at + ((long)ofOne * count) > _bytes.Length ? default : new ValueRun(_bytes.Slice((int)at, ofOne * count), ofOne, count);
    }

    private static int BytesOf(ushort type) => type switch { 1 or 2 or 6 or 7 => 1, Short or 8 => 2, 4 or 9 or 11 or 13 => 4, 5 or 10 or 12 => 8, _ => 0 };

    private ushort Read16(ReadOnlySpan<byte> bytes) =>
        _isBigEndian ? BinaryPrimitives.ReadUInt16BigEndian(bytes) : BinaryPrimitives.ReadUInt16LittleEndian(bytes);

    private long Read32(ReadOnlySpan<byte> bytes) =>
        _isBigEndian ? BinaryPrimitives.ReadUInt32BigEndian(bytes) : BinaryPrimitives.ReadUInt32LittleEndian(bytes);

    private readonly ref struct ValueRun(ReadOnlySpan<byte> bytes, int ofOne, int count)
    {
        private readonly ReadOnlySpan<byte> _values = bytes;

        public int Count => count;

        public long At(int index, TiffTags tags) => ofOne == 2 ? tags.Read16(_values[(2 * index)..]) : tags.Read32(_values[(4 * index)..]);
    }
}

/// <summary>Whether EXIF and XMP blocks are intact. Their content is not kept.</summary>
internal static class Metadata
{
    /// <summary>Whether a block of either kind is there and broken.</summary>
    public static bool IsBroken(Image image) =>
        (image.Contains("exif-data") && image.Get("exif-data") is byte[] exif && IsBrokenExif(exif))
        || (image.Contains("xmp-data") && image.Get("xmp-data") is byte[] xmp && !IsXmp(xmp));

    private static bool IsBrokenExif(ReadOnlySpan<byte> exif) => TiffTags.Read(exif.StartsWith("Exif\0\0"u8) ? exif[6..] : exif).IsBroken;

    // A packet may come in UTF-16 by its own standard, and nobody writes it so.
    private static bool IsXmp(ReadOnlySpan<byte> xmp) => Utf8.IsValid(xmp) && xmp.TrimEnd("\0 \r\n\t"u8).EndsWith(">"u8);
}
