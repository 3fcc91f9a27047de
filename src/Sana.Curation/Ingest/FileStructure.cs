using System.Buffers.Binary;
using System.IO.Compression;

namespace Sana.Curation.Ingest;

/// <summary>The structure of a file, read before a decoder opens it.</summary>
internal readonly record struct FileStructure
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

    /// <value>Whether nothing but the end mark may be missing: only decoding tells whether every pixel is there.</value>
    public bool LacksEndMark { get; init; }

    /// <summary>Walks a file by the lengths in it.</summary>
    public static FileStructure Read(string format, ReadOnlySpan<byte> bytes) => format switch
    {
        "jpeg" => JpegSegments.Walk(bytes),
        "png" => PngChunks.Walk(bytes),
        "gif" => GifBlocks.Walk(bytes),
        "webp" => WebpChunks.Walk(bytes),
        "avif" or "heic" => new FileStructure { Frames = 1 },
        _ => new FileStructure { Frames = TiffTags.Pages(bytes), IsCut = TiffTags.Read(bytes).IsCut },
    };
}

/// <summary>
/// The segments of a JPEG up to its first scan. One without an end marker behind it is cut, unless it has a single scan that may be whole: of several
/// nobody knows whether one is missing, and zeros that fill a file up
/// are pixels to a decoder.
/// </summary>
internal static class JpegSegments
{
    private const byte StartOfScan = 0xDA;
    private const byte App1 = 0xE1;
    private const byte App2 = 0xE2;
    private const byte App14 = 0xEE;
    private const byte Baseline = 0xC0;
    private const byte Extended = 0xC1;
    private const int ZerosAtEnd = 16;

    /// <summary>What ends a JPEG.</summary>
    public static ReadOnlySpan<byte> EndMark => [0xFF, 0xD9];

    public static FileStructure Walk(ReadOnlySpan<byte> bytes)
    {
        var (hasProfile, colours, isSingle) = (false, 0, false);
        var at = 2;
        while (at + 4 <= bytes.Length && bytes[at] == 0xFF)
        {
            var marker = bytes[at + 1];
            if (marker == 0xFF) // fill
            {
                at++;
                continue;
            }

            hasProfile |= marker == App2 && bytes[(at + 4)..].StartsWith("ICC_PROFILE\0"u8);
            if (marker is Baseline or Extended && at + 10 <= bytes.Length)
                colours = bytes[at + 9];
            if (marker == StartOfScan)
            {
                isSingle = at + 5 <= bytes.Length && bytes[at + 4] == colours;
                break;
            }

            at += 2 + BinaryPrimitives.ReadUInt16BigEndian(bytes[(at + 2)..]);
        }

        var isCut = at >= bytes.Length || bytes[at..].LastIndexOf(EndMark) < 0;
        var lacksEnd = isCut && isSingle && bytes.Length - at > ZerosAtEnd && bytes[^ZerosAtEnd..].ContainsAnyExcept((byte)0);
        return new FileStructure { Frames = 1, HasProfile = hasProfile, IsCut = isCut && !lacksEnd, LacksEndMark = lacksEnd };
    }

    /// <summary>
    /// The file without metadata but orientation, profile and Adobe's mark of the colours, and without bytes between its segments; null when it has no
    /// scan.
    /// </summary>
    public static byte[]? Bare(ReadOnlySpan<byte> bytes)
    {
        using var kept = new MemoryStream();
        kept.Write([0xFF, 0xD8]);
        for (var at = 2; at + 4 <= bytes.Length;)
        {
            if (bytes[at] != 0xFF || bytes[at + 1] is 0 or 0xFF)
            {
                at++;
                continue;
            }

            var (marker, length) = (bytes[at + 1], BinaryPrimitives.ReadUInt16BigEndian(bytes[(at + 2)..]));
            if (marker == StartOfScan)
            {
                kept.Write(bytes[at..]);
                return kept.ToArray();
            }

            if (length < 2 || at + 2 + length > bytes.Length)
                return null;
            var data = bytes.Slice(at + 4, length - 2);
            if (marker is < 0xE0 or (> 0xEF and not 0xFE) or App14 || (marker == App1 && data.StartsWith("Exif\0\0"u8))
                || (marker == App2 && data.StartsWith("ICC_PROFILE\0"u8)))
                kept.Write(bytes.Slice(at, 2 + length));
            at += 2 + length;
        }

        return null;
    }
}

/// <summary>The chunks of a PNG; one without its end chunk is cut.</summary>
internal static class PngChunks
{
    private const int AroundData = 12; // length, type, checksum
    private const int MostProfileBytes = 8 << 20; // large print profiles have three million
    private static readonly byte[] _signature = [0x89, .. "PNG\r\n\x1A\n"u8];

    public static FileStructure Walk(ReadOnlySpan<byte> bytes)
    {
        var shell = new FileStructure { Frames = 1 };
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

    /// <summary>The chunks that make the pixels alone, of a file that <see cref="Walk"/> found whole.</summary>
    public static byte[] Bare(ReadOnlySpan<byte> bytes)
    {
        using var kept = new MemoryStream();
        kept.Write(_signature);
        for (var at = _signature.Length; at + AroundData <= bytes.Length;)
        {
            var type = bytes.Slice(at + 4, 4);
            var after = (int)Math.Min(bytes.Length, at + AroundData + (long)BinaryPrimitives.ReadUInt32BigEndian(bytes[at..]));
            // Of chunks an upper-case first letter says that the pixels need it.
            if (char.IsAsciiLetterUpper((char)type[0]) || type.SequenceEqual("tRNS"u8))
                kept.Write(bytes[at..after]);
            if (type.SequenceEqual("IEND"u8))
                break;
            at = after;
        }

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

/// <summary>The blocks of a GIF; one that ends within a block is cut. A file that only lacks its last byte, the trailer, has all its pixels.</summary>
internal static class GifBlocks
{
    private const int HeaderBytes = 13;
    private const byte Extension = 0x21;
    private const byte Frame = 0x2C;
    private static readonly FileStructure _cut = new() { Frames = 1, IsCut = true };

    public static FileStructure Walk(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < HeaderBytes)
            return _cut;
        long at = HeaderBytes + PaletteBytes(bytes[10]);
        var frames = 0;
        while (at < bytes.Length && bytes[(int)at] is Extension or Frame)
        {
            if (bytes[(int)at] == Frame)
                frames++;
            if (bytes[(int)at] == Extension)
                at += 2;
            else if (at + 10 < bytes.Length)
                at += 10 + PaletteBytes(bytes[(int)at + 9]) + 1; // the last is the code size
            else
                return _cut;
            while (at < bytes.Length && bytes[(int)at] != 0)
                at += 1 + bytes[(int)at];
            at++;
        }

        return new FileStructure
        {
            Frames = Math.Max(1, frames),
            IsCut = at > bytes.Length,
            Width = BinaryPrimitives.ReadUInt16LittleEndian(bytes[6..]),
            Height = BinaryPrimitives.ReadUInt16LittleEndian(bytes[8..]),
        };
    }

    private static int PaletteBytes(byte flags) => (flags & 0x80) == 0 ? 0 : 3 << ((flags & 7) + 1);
}

/// <summary>The chunks of a WebP; one that is shorter than its first length says is cut.</summary>
internal static class WebpChunks
{
    private const int HeaderBytes = 12;
    private const int ChunkHeaderBytes = 8;

    public static FileStructure Walk(ReadOnlySpan<byte> bytes)
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

        return new FileStructure { Frames = Math.Max(1, frames), HasProfile = hasProfile, IsCut = end > bytes.Length };
    }
}
