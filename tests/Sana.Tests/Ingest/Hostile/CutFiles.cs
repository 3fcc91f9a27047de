namespace Sana.Tests.Ingest.Hostile;

/// <summary>Files that end before their last pixel.</summary>
internal static class CutFiles
{
    public static IEnumerable<HostileFile> All() =>
    [
        Cut("cut-in-header.jpg", Pictures.Jpeg, 0.05),
        Cut("cut-half.jpg", Pictures.Jpeg, 0.5),
        Cut("cut-at-the-end.jpg", Pictures.Jpeg, 0.99),
        new("cut-end-marker.jpg", Pictures.Jpeg[..^2], null, "end_mark_missing"),
        new("cut-end-marker-progressive.jpg", Pictures.ProgressiveJpeg[..^2], "truncated"),
        new("only-start.jpg", Pictures.Jpeg[..4], "truncated"),
        Cut("cut-progressive.jpg", Pictures.ProgressiveJpeg, 0.6),
        new("zero-tail.jpg", ZeroTail(Pictures.Jpeg), "truncated"),
        new("only-signature.png", Pictures.Png[..8], "truncated"),
        Cut("cut-half.png", Pictures.Png, 0.5),
        new("cut-end-chunk.png", Pictures.Png[..^12], "truncated"),
        new("cut-last-byte.png", Pictures.Png[..^1], "truncated"),
        Cut("cut-interlaced.png", Pictures.InterlacedPng, 0.7),
        new("only-signature.webp", Pictures.Webp[..12], "truncated"),
        Cut("cut-half.webp", Pictures.Webp, 0.5),
        new("cut-last-byte.webp", Pictures.Webp[..^2], "truncated"),
        Cut("cut-lossless.webp", Pictures.LosslessWebp, 0.8),
        new("only-signature.gif", Pictures.Gif[..6], "truncated"),
        Cut("cut-half.gif", Pictures.Gif, 0.5),
        new("cut-in-second-frame.gif", [.. GifBytes.Start(1, 1), .. GifBytes.Frame(), .. GifBytes.Frame()[..8]], "truncated"),
        Cut("cut-half.tif", Pictures.Tiff, 0.5),
        new("only-signature.tif", Pictures.Tiff[..4], "truncated"),
        new("cut-strip.tif", TiffBytes.File(TiffBytes.Grey(64, 64, TiffBytes.HeadBytes(9), 4096), 0, new byte[2000]), "truncated"),
    ];

    private static HostileFile Cut(string name, byte[] whole, double share) => new(name, whole[..(int)(whole.Length * share)], "truncated");

    private static byte[] ZeroTail(byte[] whole)
    {
        var changed = (byte[])whole.Clone();
        changed.AsSpan(whole.Length / 2).Clear();
        return changed;
    }
}
