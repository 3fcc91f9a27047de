using System.IO.Compression;

namespace Sana.Curation.Ingest;

/// <summary>What a file is by its first bytes, whatever its name says.</summary>
/// <param name="Format">jpeg, png, webp, gif, tiff, avif or heic; null for what is not decoded here.</param>
/// <param name="Name">What to call it in a message.</param>
/// <param name="IsImage">Whether it is a picture at all, if one that is not decoded.</param>
internal readonly record struct FileSignature(string? Format, string Name, bool IsImage)
{
    private const int Lookahead = 4096;

    private static readonly string[] _rawEndings =
        [".3fr", ".arw", ".cr2", ".dng", ".dcr", ".erf", ".iiq", ".kdc", ".mef", ".mos", ".nef", ".nrw", ".pef", ".sr2", ".srw"];

    /// <summary>Looks at the first bytes; the name only tells camera raws from TIFF, whose signature they share.</summary>
    public static FileSignature Read(ReadOnlySpan<byte> bytes, string name) => Decoded(bytes) is { } format
        ? format == "tiff" && IsRaw(bytes, name) ? new(null, "camera raw", true) : new(format, format, true)
        : Picture(bytes) is { } picture ? new(null, picture, true)
        : new(null, Other(bytes), false);

    private static string? Decoded(ReadOnlySpan<byte> bytes) => bytes switch
    {
        [0xFF, 0xD8, 0xFF, ..] => "jpeg",
        [0x89, (byte)'P', (byte)'N', (byte)'G', ..] => "png",
        [(byte)'R', (byte)'I', (byte)'F', (byte)'F', _, _, _, _, (byte)'W', (byte)'E', (byte)'B', (byte)'P', ..] => "webp",
        [(byte)'G', (byte)'I', (byte)'F', (byte)'8', (byte)'7' or (byte)'9', (byte)'a', ..] => "gif",
        [_, _, _, _, (byte)'f', (byte)'t', (byte)'y', (byte)'p', ..] => Boxed(bytes) switch { "AVIF" => "avif", "HEIC" => "heic", _ => null },
        [(byte)'I', (byte)'I', 42 or 43, 0, ..] or [(byte)'M', (byte)'M', 0, 42 or 43, ..] => "tiff",
        _ => null,
    };

    private static string? Picture(ReadOnlySpan<byte> bytes) => bytes switch
    {
        [_, _, _, _, (byte)'f', (byte)'t', (byte)'y', (byte)'p', ..] => Boxed(bytes),
        [0xFF, 0x0A, ..] or [0, 0, 0, 12, (byte)'J', (byte)'X', (byte)'L', (byte)' ', ..] => "JPEG XL",
        [0, 0, 0, 12, (byte)'j', (byte)'P', (byte)' ', (byte)' ', ..] or [0xFF, 0x4F, 0xFF, 0x51, ..] => "JPEG 2000",
        [0, 0, 1 or 2, 0, _, 0, ..] => "ICO",
        [0x76, 0x2F, 0x31, 0x01, ..] => "OpenEXR",
        [0xD7, 0xCD, 0xC6, 0x9A, ..] => "WMF",
        [(byte)'P', >= (byte)'1' and <= (byte)'7', (byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t', ..] => "PNM",
        [(byte)'B', (byte)'M', _, _, _, _, 0, 0, 0, 0, ..] => "BMP",
        _ when bytes.StartsWith("8BPS"u8) => "Photoshop",
        _ when bytes.StartsWith("%PDF-"u8) => "PDF",
        _ when bytes.StartsWith("%!PS"u8) => "PostScript",
        _ when bytes.StartsWith("gimp xcf"u8) => "XCF",
        _ when bytes.StartsWith("qoif"u8) => "QOI",
        _ when bytes.StartsWith("DDS "u8) => "DDS",
        _ when bytes.StartsWith("#?RADIANCE"u8) || bytes.StartsWith("#?RGBE"u8) => "Radiance HDR",
        _ when bytes.StartsWith("SIMPLE  ="u8) => "FITS",
        _ when bytes.StartsWith("AT&TFORM"u8) => "DjVu",
        _ when bytes.StartsWith("FUJIFILMCCD-RAW"u8) || bytes.StartsWith("IIRO"u8) || bytes.StartsWith("IIU\0"u8) => "camera raw",
        _ when bytes.Length > 132 && bytes[128..].StartsWith("DICM"u8) => "DICOM",
        _ when IsSvg(bytes) => "SVG",
        _ => null,
    };

    private static string? Boxed(ReadOnlySpan<byte> bytes) => bytes.Length < 12 ? null : bytes[8..12] switch
    {
        [(byte)'a', (byte)'v', (byte)'i', (byte)'f' or (byte)'s'] => "AVIF",
        [(byte)'h', (byte)'e', (byte)'i' or (byte)'v', (byte)'c' or (byte)'x' or (byte)'m' or (byte)'s'] => "HEIC",
        [(byte)'m', (byte)'i', (byte)'f', (byte)'1'] => bytes[..Math.Min(bytes.Length, 64)].IndexOf("avif"u8) >= 0 ? "AVIF" : "HEIC",
        [(byte)'c', (byte)'r', (byte)'x', (byte)' '] => "camera raw",
        _ => null,
    };

    // Active content: a document that may name other files and addresses. Text of any kind may stand before its root element.
    private static bool IsSvg(ReadOnlySpan<byte> bytes)
    {
        if (bytes is [0x1F, 0x8B, ..])
            return Unpacked(bytes).AsSpan().IndexOf("<svg"u8) >= 0;
        var text = TrimStart(bytes[..Math.Min(bytes.Length, Lookahead)]);
        return text is [(byte)'<', ..] && (text.IndexOf("<svg"u8) >= 0 || text.IndexOf(":svg"u8) >= 0) && text.IndexOf("<html"u8) < 0;
    }

    private static byte[] Unpacked(ReadOnlySpan<byte> bytes)
    {
        try
        {
            using var unpacked = new GZipStream(new MemoryStream(bytes[..Math.Min(bytes.Length, Lookahead)].ToArray()), CompressionMode.Decompress);
            var head = new byte[Lookahead];
            return head[..unpacked.ReadAtLeast(head, head.Length, throwOnEndOfStream: false)];
        }
        catch (InvalidDataException)
        {
            return [];
        }
    }

    private static string Other(ReadOnlySpan<byte> bytes) => bytes switch
    {
        [(byte)'P', (byte)'K', 3 or 5, ..] => "a ZIP archive",
        [0x1F, 0x8B, ..] => "a gzip archive",
        [_, _, _, _, (byte)'f', (byte)'t', (byte)'y', (byte)'p', ..] or [0x1A, 0x45, 0xDF, 0xA3, ..] => "a video",
        _ when TrimStart(bytes) is [(byte)'<', ..] => "markup such as an error page",
        _ when TrimStart(bytes) is [(byte)'{' or (byte)'[', ..] => "JSON or other text",
        _ when bytes[..Math.Min(bytes.Length, Lookahead)].IndexOfAnyInRange((byte)0, (byte)8) < 0 => "text",
        _ => "of no known kind",
    };

    private static ReadOnlySpan<byte> TrimStart(ReadOnlySpan<byte> bytes) => (bytes.StartsWith("\uFEFF"u8) ? bytes[3..] : bytes).TrimStart(" \t\r\n"u8);

    private static bool IsRaw(ReadOnlySpan<byte> bytes, string name)
    {
        const ushort DngVersion = 50706;
        return _rawEndings.Any(ending => name.EndsWith(ending, StringComparison.OrdinalIgnoreCase))
            || bytes is [_, _, _, _, _, _, _, _, (byte)'C', (byte)'R', ..]
            || TiffTags.Read(bytes).HasTag(DngVersion);
    }
}
