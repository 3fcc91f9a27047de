using System.Buffers.Binary;

namespace Sana.Tests.Ingest.Hostile;

/// <summary>WebP by hand.</summary>
internal static class WebpBytes
{
    /// <summary>A lossless image of one colour and any size in some forty bytes: every code has one symbol, so a pixel takes no bit.</summary>
    public static byte[] Flat(int width, int height)
    {
        var (bits, at) = (new byte[16], 0);
        Write(width - 1, 14);
        Write(height - 1, 14);
        Write(0, 1 + 3); // no alpha, version 0
        Write(0, 1 + 1 + 1); // no transform, no colour cache, one code group
        foreach (var level in new[] { 120, 200, 40, 255, 0 })
        {
            Write(0b01, 2); // simple, one symbol
            Write(1, 1); // of eight bits
            Write(level, 8);
        }

        byte[] data = [0x2F, .. bits[..((at + 7) / 8)]];
        return File(Chunk("VP8L", data));

        void Write(int value, int count)
        {
            for (var i = 0; i < count; i++, at++)
                bits[at / 8] |= (byte)(((value >> i) & 1) << (at % 8));
        }
    }

    /// <summary>So many frames of one pixel.</summary>
    public static byte[] Animated(int frames)
    {
        var frame = Chunk("ANMF", [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 100, 0, 0, 0, .. Flat(1, 1)[12..]]);
        return File(Chunk("VP8X", [2, 0, 0, 0, 0, 0, 0, 0, 0, 0]), Chunk("ANIM", new byte[6]), [.. Enumerable.Repeat(frame, frames).SelectMany(bytes => bytes)]);
    }

    public static byte[] Chunk(string type, byte[] data)
    {
        var length = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, data.Length);
        return [.. System.Text.Encoding.ASCII.GetBytes(type), .. length, .. data, .. new byte[data.Length % 2]];
    }

    public static byte[] File(params byte[][] chunks)
    {
        byte[] body = [.. "WEBP"u8, .. chunks.SelectMany(chunk => chunk)];
        var length = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, body.Length);
        return [.. "RIFF"u8, .. length, .. body];
    }
}
