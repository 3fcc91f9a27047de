using System.Text;

namespace Sana.Curation.Sources.Tars;

/// <summary>One 512-byte header of a tar: POSIX ustar, GNU or the old form.</summary>
internal readonly record struct TarHeader(string Name, char Type, long Size)
{
    public const int Bytes = 512;

    private static readonly UTF8Encoding _utf8 = new(false, throwOnInvalidBytes: true);

    /// <summary>Whether a block is a header by its checksum, and by its magic where the place says nothing.</summary>
    public static bool IsOne(ReadOnlySpan<byte> block, bool mustHaveMagic)
    {
        if (mustHaveMagic && !block[257..].StartsWith("ustar"u8))
            return false;
        if (Octal(block.Slice(148, 8)) is not { } expected)
            return false;
        var (plain, signed) = (8L * ' ', 8L * ' ');
        for (var at = 0; at < Bytes; at++)
        {
            if (at is >= 148 and < 156)
                continue;
            plain += block[at];
            signed += (sbyte)block[at];
        }

        return expected == plain || expected == signed;
    }

    /// <summary>Reads a block whose checksum holds. A size that is no number comes out negative.</summary>
    public static TarHeader Read(ReadOnlySpan<byte> block)
    {
        var name = Text(block[..100]);
        // GNU's magic ends in a blank, and its headers keep times where POSIX keeps the prefix.
        if (block.Slice(257, 6).SequenceEqual("ustar\0"u8) && Text(block.Slice(345, 155)) is { Length: > 0 } prefix)
            name = prefix + '/' + name;
        return new TarHeader(name, (char)block[156], Number(block.Slice(124, 12)));
    }

    /// <summary>UTF-8 where it is, else byte for byte, so that two names stay two.</summary>
    public static string Text(ReadOnlySpan<byte> field)
    {
        var end = field.IndexOf((byte)0);
        var bytes = end < 0 ? field : field[..end];
        return Decode(bytes);
    }

    /// <inheritdoc cref="Text"/>
    public static string Decode(ReadOnlySpan<byte> bytes)
    {
        try
        {
            return _utf8.GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            return Encoding.Latin1.GetString(bytes);
        }
    }

    // GNU's base 256: the top bit set, the rest one big-endian number of which more than 63 bits fit no file.
    private static long Number(ReadOnlySpan<byte> field)
    {
        if ((field[0] & 0x80) == 0)
            return Octal(field) ?? -1;
        if (field[0] != 0x80 || field[1..4].ContainsAnyExcept((byte)0))
            return -1;
        var value = 0UL;
        foreach (var digit in field[4..])
            value = (value << 8) | digit;
        return value > long.MaxValue ? -1 : (long)value;
    }

    private static long? Octal(ReadOnlySpan<byte> field)
    {
        var digits = field.Trim("\0 "u8);
        if (digits.ContainsAnyExceptInRange((byte)'0', (byte)'7'))
            return null;
        var value = 0L;
        foreach (var digit in digits)
            value = (value << 3) | (uint)(digit - '0');
        return value;
    }
}
