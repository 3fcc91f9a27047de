using System.Globalization;
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

/// <summary>A member of a tar, or a fault where one should be.</summary>
/// <param name="Name">Its path, <c>./</c> taken off; for a fault between members <c>@offset</c>.</param>
/// <param name="Header">Where its header begins.</param>
/// <param name="Offset">Where its bytes begin.</param>
/// <param name="Length">How many there are.</param>
/// <param name="Reason">Why it cannot be used; null when it can.</param>
/// <param name="Message">One sentence to that.</param>
/// <param name="IsImage">Whether it has no ending and is an image by its first bytes.</param>
internal readonly record struct TarEntry(string Name, long Header, long Offset, long Length, string? Reason = null, string? Message = null,
    bool IsImage = false);

/// <summary>What extended headers say of the member after them. The last word counts, as POSIX has it.</summary>
internal sealed class PaxRecords
{
    /// <value>The member's name; null when nothing is said.</value>
    public string? Path { get; set; }

    /// <value>The member's size; null when nothing is said.</value>
    public long? Size { get; private set; }

    /// <value>Why the member cannot be trusted; null when it can.</value>
    public string? Fault { get; set; }

    /// <value>Headers read since the last member.</value>
    public int Headers { get; set; }

    /// <summary>Takes the records of one header: <c>"%d key=value\n"</c>, the number being the length of the whole record.</summary>
    public void Add(ReadOnlySpan<byte> data)
    {
        while (data.Length > 0)
        {
            var blank = data.IndexOf((byte)' ');
            if (blank is < 1 or > 9 || !int.TryParse(data[..blank], NumberStyles.None, CultureInfo.InvariantCulture, out var length)
                || length <= blank + 2 || length > data.Length || data[length - 1] != '\n')
            {
                // Blocks are filled up with zeros; anything else after the records is a fault.
                if (data.ContainsAnyExcept((byte)0))
                    Fault = "its extended header is not a list of records";
                return;
            }

            var record = data[(blank + 1)..(length - 1)];
            var equals = record.IndexOf((byte)'=');
            if (equals < 1)
                Fault = "its extended header has a record without a key";
            else
                Take(record[..equals], record[(equals + 1)..]);
            data = data[length..];
        }
    }

    private void Take(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        if (key.SequenceEqual("path"u8))
            Path = TarHeader.Decode(value);
        else if (key.StartsWith("GNU.sparse."u8))
            Fault = "it is a sparse file";
        else if (key.SequenceEqual("size"u8))
            Size = long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var size) ? size : -1;
    }
}

/// <summary>Which names may stand in a tar or a manifest: paths that stay below their root on every system.</summary>
internal static class MemberName
{
    private const int MaxLength = 1024;

    /// <summary>The name without <c>./</c> and double slashes, or what is wrong with it.</summary>
    public static (string? Name, string? Fault) Check(string name)
    {
        if (name.Length is 0 or > MaxLength)
            return (null, $"its name has {name.Length} characters; a name has 1…{MaxLength}");
        if (name.Any(char.IsControl))
            return (null, "its name has a control character");
        if (name.Contains('\\', StringComparison.Ordinal) || (name.Length > 1 && name[1] == ':'))
            return (null, "its name has a backslash or a drive");
        if (name[0] == '/')
            return (null, "its name is absolute");
        var parts = name.Split('/', StringSplitOptions.RemoveEmptyEntries).Where(part => part != ".").ToArray();
        if (parts.Contains(".."))
            return (null, "its name climbs out of the folder");
        return parts.Length == 0 ? (null, "its name names nothing") : (string.Join('/', parts), null);
    }
}
