using System.Buffers.Binary;
using System.IO.Compression;
using System.IO.Hashing;

namespace Sana.Tests.Ingest.Hostile;

/// <summary>PNG by hand: what no writer would write.</summary>
internal static class PngBytes
{
    private static readonly byte[] _signature = [0x89, .. "PNG\r\n\x1A\n"u8];

    public static byte[] File(params byte[][] chunks) => [.. _signature, .. chunks.SelectMany(chunk => chunk)];

    public static byte[] Chunk(string type, ReadOnlySpan<byte> data)
    {
        var chunk = new byte[12 + data.Length];
        BinaryPrimitives.WriteInt32BigEndian(chunk, data.Length);
        System.Text.Encoding.ASCII.GetBytes(type, chunk.AsSpan(4));
        data.CopyTo(chunk.AsSpan(8));
        BinaryPrimitives.WriteUInt32BigEndian(chunk.AsSpan(8 + data.Length), Crc32.HashToUInt32(chunk.AsSpan(4, 4 + data.Length)));
        return chunk;
    }

    public static byte[] Header(uint width, uint height, byte depth, byte colourType, byte interlace = 0)
    {
        var data = new byte[13];
        BinaryPrimitives.WriteUInt32BigEndian(data, width);
        BinaryPrimitives.WriteUInt32BigEndian(data.AsSpan(4), height);
        (data[8], data[9], data[12]) = (depth, colourType, interlace);
        return Chunk("IHDR", data);
    }

    public static byte[] End => Chunk("IEND", []);

    /// <summary>Zeros, packed as well as deflate can: a thousand to one.</summary>
    public static byte[] PackedZeros(long count)
    {
        using var packed = new MemoryStream();
        using (var pack = new ZLibStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            var block = new byte[1 << 16];
            for (var left = count; left > 0; left -= block.Length)
                pack.Write(block, 0, (int)Math.Min(left, block.Length));
        }

        return packed.ToArray();
    }

    public static byte[] Pack(byte[] data)
    {
        using var packed = new MemoryStream();
        using (var pack = new ZLibStream(packed, CompressionLevel.Fastest, leaveOpen: true))
            pack.Write(data);
        return packed.ToArray();
    }

    /// <summary>Puts chunks behind the header of a finished file.</summary>
    public static byte[] Insert(byte[] png, params byte[][] chunks) => [.. png[..33], .. chunks.SelectMany(chunk => chunk), .. png[33..]];

    /// <summary>Where the data of the first chunk of a type begins.</summary>
    public static int DataOf(byte[] png, string type) => png.AsSpan().IndexOf(System.Text.Encoding.ASCII.GetBytes(type)) + 4;
}
