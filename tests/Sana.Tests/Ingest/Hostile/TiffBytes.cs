using System.Buffers.Binary;

namespace Sana.Tests.Ingest.Hostile;

/// <summary>TIFF by hand, directory first.</summary>
internal static class TiffBytes
{
    public const ushort Short = 3;
    public const ushort Long = 4;

    /// <summary>Tag, type, count, value or place of the values.</summary>
    public static (ushort Tag, ushort Type, uint Count, uint Value) Entry(ushort tag, uint value, ushort type = Long, uint count = 1) => (tag, type, count, value);

    /// <summary>Grey pixels without compression in one strip, which follows the directory.</summary>
    public static (ushort Tag, ushort Type, uint Count, uint Value)[] Grey(uint width, uint height, uint stripAt, uint stripBytes) =>
    [
        Entry(256, width), Entry(257, height), Entry(258, 8, Short), Entry(259, 1, Short), Entry(262, 1, Short), Entry(273, stripAt), Entry(277, 1, Short), Entry(278, height),
        Entry(279, stripBytes),
    ];

    /// <summary>Bytes of header and one directory of so many entries.</summary>
    public static uint HeadBytes(int entries) => (uint)(8 + 2 + (12 * entries) + 4);

    /// <summary>So many pages of one pixel.</summary>
    public static byte[] Pages(int pages)
    {
        var (file, size) = (new MemoryStream(), HeadBytes(9) - 8);
        for (var page = 0; page < pages; page++)
            file.Write(File(Grey(1, 1, 8, 1), page == pages - 1 ? 0 : 8 + ((uint)(page + 1) * size)).AsSpan(page == 0 ? 0 : 8));
        return file.ToArray();
    }

    public static byte[] File((ushort Tag, ushort Type, uint Count, uint Value)[] entries, uint next, params byte[] rest)
    {
        var head = new byte[HeadBytes(entries.Length)];
        "II*\0"u8.CopyTo(head);
        BinaryPrimitives.WriteUInt32LittleEndian(head.AsSpan(4), 8);
        BinaryPrimitives.WriteUInt16LittleEndian(head.AsSpan(8), (ushort)entries.Length);
        for (var i = 0; i < entries.Length; i++)
        {
            var entry = head.AsSpan(10 + (12 * i));
            BinaryPrimitives.WriteUInt16LittleEndian(entry, entries[i].Tag);
            BinaryPrimitives.WriteUInt16LittleEndian(entry[2..], entries[i].Type);
            BinaryPrimitives.WriteUInt32LittleEndian(entry[4..], entries[i].Count);
            BinaryPrimitives.WriteUInt32LittleEndian(entry[8..], entries[i].Value);
        }

        BinaryPrimitives.WriteUInt32LittleEndian(head.AsSpan(head.Length - 4), next);
        return [.. head, .. rest];
    }
}
