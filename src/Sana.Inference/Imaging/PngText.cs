using System.Buffers.Binary;
using System.IO.Hashing;
using System.Text;

namespace Sana.Inference.Imaging;

// PNG specification, third edition (https://www.w3.org/TR/png-3/), sections 5.3 (chunk layout), 11.3.3.2 (tEXt) and 11.3.3.4 (iTXt).

/// <summary>
/// Adds text to a finished PNG file. libvips writes every text, XMP too, as a compressed zTXt chunk, in which no reader looks for XMP and few for parameters.
/// </summary>
internal static class PngText
{
    private const int AfterHeader = 8 + 12 + 13;     // signature, and the IHDR chunk that must come first
    private const string XmpKeyword = "XML:com.adobe.xmp";

    /// <summary>The file with its texts behind the header.</summary>
    /// <param name="png">A file without text of its own.</param>
    /// <param name="xmp">An XMP packet in UTF-8, into an uncompressed iTXt chunk.</param>
    /// <param name="texts">Keywords of 1…79 letters and their texts, both ASCII, into tEXt chunks.</param>
    public static byte[] Insert(ReadOnlySpan<byte> png, ReadOnlySpan<byte> xmp, params IEnumerable<(string Keyword, string Text)> texts)
    {
        var file = new MemoryStream(png.Length + xmp.Length + 4096);
        file.Write(png[..AfterHeader]);
        foreach (var (keyword, text) in texts)
        {
            Write(file, "tEXt", Encoding.ASCII.GetBytes($"{keyword}\0{text}"));
        }

        // Keyword; not compressed, method 0; no language tag; no translated keyword.
        Write(file, "iTXt", [.. Encoding.ASCII.GetBytes($"{XmpKeyword}\0\0\0\0\0"), .. xmp]);
        file.Write(png[AfterHeader..]);
        return file.ToArray();
    }

    private static void Write(MemoryStream file, string type, byte[] data)
    {
        Span<byte> number = stackalloc byte[4];
        var name = Encoding.ASCII.GetBytes(type);
        var checksum = new Crc32();
        checksum.Append(name);
        checksum.Append(data);

        BinaryPrimitives.WriteInt32BigEndian(number, data.Length);
        file.Write(number);
        file.Write(name);
        file.Write(data);
        BinaryPrimitives.WriteUInt32BigEndian(number, checksum.GetCurrentHashAsUInt32());
        file.Write(number);
    }
}
