namespace Sana.Tests.Ingest.Hostile;

/// <summary>GIF by hand.</summary>
internal static class GifBytes
{
    /// <summary>A canvas and two colours.</summary>
    public static byte[] Start(ushort width, ushort height) =>
        [.. "GIF89a"u8, (byte)width, (byte)(width >> 8), (byte)height, (byte)(height >> 8), 0x80, 0, 0, 0, 0, 0, 255, 255, 255];

    /// <summary>A frame of one pixel of the first colour; its own size may lie.</summary>
    public static byte[] Frame(ushort left = 0, ushort top = 0, ushort width = 1, ushort height = 1, byte codeSize = 2) =>
    [
        0x2C, (byte)left, (byte)(left >> 8), (byte)top, (byte)(top >> 8), (byte)width, (byte)(width >> 8), (byte)height, (byte)(height >> 8), 0,
        codeSize, 2, 0x44, 0x01, 0,
    ];

    public const byte Trailer = 0x3B;

    public static byte[] File(byte[] start, params byte[][] frames) => [.. start, .. frames.SelectMany(frame => frame), Trailer];
}
