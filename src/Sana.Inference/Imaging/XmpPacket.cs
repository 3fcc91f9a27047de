using System.Security;
using System.Text;

namespace Sana.Inference.Imaging;

/// <summary>
/// The XMP packet that says an image is synthetic, in the words of IPTC's Digital Source Type (https://cv.iptc.org/newscodes/digitalsourcetype/): what sites and search engines read.
/// </summary>
internal static class XmpPacket
{
    /// <summary>Name and version of the program that made the image.</summary>
    public static readonly string Software = $"SanaFunctions {typeof(XmpPacket).Assembly.GetName().Version!.ToString(3)}";

    /// <summary>The packet in UTF-8.</summary>
    /// <param name="description">Plain text for <c>dc:description</c>; null for none.</param>
    public static byte[] Write(string? description)
    {
        var text = description is null
            ? ""
            : $"""<dc:description><rdf:Alt><rdf:li xml:lang="x-default">{SecurityElement.Escape(description)}</rdf:li></rdf:Alt></dc:description>""";

        return Encoding.UTF8.GetBytes($"""
            <?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>
            <x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
            <rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">
            <xmp:CreatorTool>{Software}</xmp:CreatorTool>
            <Iptc4xmpExt:DigitalSourceType>http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia</Iptc4xmpExt:DigitalSourceType>
            {text}
            </rdf:Description>
            </rdf:RDF></x:xmpmeta>
            <?xpacket end="w"?>
            """);
    }
}
