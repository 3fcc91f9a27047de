using System.Buffers.Binary;

namespace Sana.Tests.Ingest.Hostile;

/// <summary>JPEG by hand: segments put in, taken out, bent.</summary>
internal static class JpegBytes
{
    public const byte Sof0 = 0xC0;
    public const byte Dht = 0xC4;
    public const byte Sos = 0xDA;
    public const byte Dqt = 0xDB;
    public const byte App1 = 0xE1;
    public const byte App2 = 0xE2;
    public const byte App14 = 0xEE;
    public const byte Comment = 0xFE;

    public static byte[] Segment(byte marker, ReadOnlySpan<byte> data)
    {
        var segment = new byte[4 + data.Length];
        (segment[0], segment[1]) = (0xFF, marker);
        BinaryPrimitives.WriteUInt16BigEndian(segment.AsSpan(2), (ushort)(data.Length + 2));
        data.CopyTo(segment.AsSpan(4));
        return segment;
    }

    /// <summary>Puts bytes behind the start marker.</summary>
    public static byte[] Insert(byte[] jpeg, params byte[][] segments) => [.. jpeg[..2], .. segments.SelectMany(segment => segment), .. jpeg[2..]];

    /// <summary>Where the first segment of a kind begins: at its 0xFF.</summary>
    public static int Find(byte[] jpeg, byte marker)
    {
        for (var at = 2; at + 4 <= jpeg.Length; at += 2 + BinaryPrimitives.ReadUInt16BigEndian(jpeg.AsSpan(at + 2)))
        {
            if (jpeg[at + 1] == marker)
                return at;
        }

        throw new ArgumentException($"The JPEG has no segment {marker:X2}.", nameof(marker));
    }

    /// <summary>The file without its first segment of a kind.</summary>
    public static byte[] Without(byte[] jpeg, byte marker)
    {
        var at = Find(jpeg, marker);
        return [.. jpeg[..at], .. jpeg[(at + 2 + BinaryPrimitives.ReadUInt16BigEndian(jpeg.AsSpan(at + 2)))..]];
    }

    /// <summary>The file with other dimensions in its header.</summary>
    public static byte[] Resized(byte[] jpeg, ushort width, ushort height)
    {
        var changed = (byte[])jpeg.Clone();
        var at = Find(changed, Sof0);
        BinaryPrimitives.WriteUInt16BigEndian(changed.AsSpan(at + 5), height);
        BinaryPrimitives.WriteUInt16BigEndian(changed.AsSpan(at + 7), width);
        return changed;
    }

    /// <summary>The last scan of a progressive file, written so many times more.</summary>
    public static byte[] ManyScans(byte[] progressive, int scans)
    {
        var last = progressive.AsSpan().LastIndexOf([(byte)0xFF, Sos]);
        var scan = progressive[last..^2];
        return [.. progressive[..^2], .. Enumerable.Repeat(scan, scans).SelectMany(bytes => bytes), .. progressive[^2..]];
    }

    /// <summary>A colour profile in one segment.</summary>
    public static byte[] Profile(byte[] profile) => Segment(App2, [.. "ICC_PROFILE\0\x01\x01"u8, .. profile]);

    /// <summary>An EXIF segment with one orientation.</summary>
    public static byte[] Orientation(byte orientation) => Segment(App1, [.. "Exif\0\0"u8, .. Exif(orientation)]);

    public static byte[] Exif(byte orientation) => [.. "MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0"u8, orientation, 0, 0, 0, 0, 0, 0];
}
