using System.Buffers.Binary;
using System.Text;

namespace Sana.Tests.Ingest.Hostile;

/// <summary>ICC profiles of three primaries and one gamma, version 2, written by hand.</summary>
internal static class IccBytes
{
    private const int HeaderBytes = 128;

    /// <summary>Adobe RGB (1998): primaries adapted to D50, gamma 563/256.</summary>
    public static byte[] AdobeRgb { get; } = Matrix("RGB ", [0.60974, 0.31111, 0.01947], [0.20528, 0.62567, 0.06087], [0.14919, 0.06322, 0.74457], 563);

    /// <summary>sRGB's primaries with a plain gamma of 2.2: nearly what is assumed anyway, and not quite.</summary>
    public static byte[] PlainGamma { get; } = Matrix("RGB ", [0.43607, 0.22249, 0.01392], [0.38515, 0.71687, 0.09708], [0.14307, 0.06061, 0.71410], 563);

    /// <summary>The same with so many bytes, zeros behind the tags.</summary>
    public static byte[] Longer(byte[] profile, int length)
    {
        var longer = new byte[length];
        profile.CopyTo(longer, 0);
        BinaryPrimitives.WriteInt32BigEndian(longer, length);
        return longer;
    }

    private static byte[] Matrix(string space, double[] red, double[] green, double[] blue, ushort gamma256)
    {
        (string Name, byte[] Data)[] tags =
        [
            ("desc", [.. "desc\0\0\0\0\0\0\0\x05"u8, .. "test\0"u8, .. new byte[78]]),
            ("cprt", [.. "text\0\0\0\0none\0"u8]),
            ("wtpt", Xyz([0.9642, 1, 0.8249])),
            ("rXYZ", Xyz(red)), ("gXYZ", Xyz(green)), ("bXYZ", Xyz(blue)),
            ("rTRC", Curve(gamma256)), ("gTRC", Curve(gamma256)), ("bTRC", Curve(gamma256)),
        ];
        var profile = new MemoryStream();
        var (table, at) = (new byte[4 + (12 * tags.Length)], HeaderBytes + 4 + (12 * tags.Length));
        BinaryPrimitives.WriteInt32BigEndian(table, tags.Length);
        for (var i = 0; i < tags.Length; i++)
        {
            Encoding.ASCII.GetBytes(tags[i].Name, table.AsSpan(4 + (12 * i)));
            BinaryPrimitives.WriteInt32BigEndian(table.AsSpan(8 + (12 * i)), at);
            BinaryPrimitives.WriteInt32BigEndian(table.AsSpan(12 + (12 * i)), tags[i].Data.Length);
            at += Padded(tags[i].Data).Length;
        }

        profile.Write(Header(space, at));
        profile.Write(table);
        foreach (var tag in tags)
            profile.Write(Padded(tag.Data));
        return profile.ToArray();
    }

    private static byte[] Header(string space, int length)
    {
        var header = new byte[HeaderBytes];
        BinaryPrimitives.WriteInt32BigEndian(header, length);
        header[8] = 2;
        header[9] = 0x40;
        Encoding.ASCII.GetBytes("mntr" + space + "XYZ ", header.AsSpan(12));
        Encoding.ASCII.GetBytes("acsp", header.AsSpan(36));
        Xyz([0.9642, 1, 0.8249]).AsSpan(8).CopyTo(header.AsSpan(68));
        return header;
    }

    private static byte[] Xyz(double[] values)
    {
        var data = new byte[20];
        Encoding.ASCII.GetBytes("XYZ ", data);
        for (var i = 0; i < 3; i++)
            BinaryPrimitives.WriteInt32BigEndian(data.AsSpan(8 + (4 * i)), (int)Math.Round(values[i] * 65536));
        return data;
    }

    private static byte[] Curve(ushort gamma256) => [.. "curv\0\0\0\0\0\0\0\x01"u8, (byte)(gamma256 >> 8), (byte)gamma256];

    private static byte[] Padded(byte[] data) => [.. data, .. new byte[(4 - (data.Length % 4)) % 4]];
}
