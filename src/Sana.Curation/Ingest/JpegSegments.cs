using System.Buffers.Binary;

namespace Sana.Curation.Ingest;

/// <summary>
/// The segments of a JPEG up to its first scan. One without an end marker behind it is cut: zeros that fill a file up are pixels to a decoder.
/// </summary>
internal static class JpegSegments
{
    private const byte StartOfScan = 0xDA;
    private const byte App2 = 0xE2;

    public static FileShell Walk(ReadOnlySpan<byte> bytes)
    {
        var hasProfile = false;
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
            if (marker == StartOfScan)
                break;
            at += 2 + BinaryPrimitives.ReadUInt16BigEndian(bytes[(at + 2)..]);
        }

        return new FileShell { Frames = 1, HasProfile = hasProfile, IsCut = at >= bytes.Length || bytes[at..].LastIndexOf([(byte)0xFF, (byte)0xD9]) < 0 };
    }
}
