namespace Sana.Curation.Ingest;

/// <summary>The blocks of a GIF; one that ends within a block is cut. A file that only lacks its last byte, the trailer, has all its pixels.</summary>
internal static class GifBlocks
{
    private const int HeaderBytes = 13;
    private const byte Extension = 0x21;
    private const byte Frame = 0x2C;
    private static readonly FileShell _cut = new() { Frames = 1, IsCut = true };

    public static FileShell Walk(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < HeaderBytes)
            return _cut;
        long at = HeaderBytes + PaletteBytes(bytes[10]);
        var frames = 0;
        while (at < bytes.Length && bytes[(int)at] is Extension or Frame)
        {
            if (bytes[(int)at] == Frame)
                frames++;
            if (bytes[(int)at] == Extension)
                at += 2;
            else if (at + 10 < bytes.Length)
                at += 10 + PaletteBytes(bytes[(int)at + 9]) + 1; // the last is the code size
            else
                return _cut;
            while (at < bytes.Length && bytes[(int)at] != 0)
                at += 1 + bytes[(int)at];
            at++;
        }

        return new FileShell { Frames = Math.Max(1, frames), IsCut = at > bytes.Length };
    }

    private static int PaletteBytes(byte flags) => (flags & 0x80) == 0 ? 0 : 3 << ((flags & 7) + 1);
}
