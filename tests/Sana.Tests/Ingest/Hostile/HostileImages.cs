namespace Sana.Tests.Ingest.Hostile;

/// <summary>
/// A folder of what strangers send: damage, disguise, bombs, and odd pictures that are good all the same. Made afresh, the same bytes each time; no file of
/// it is kept.
/// </summary>
internal static class HostileImages
{
    private static readonly Lazy<HostileFile[]> _all = new(() => [.. NoImages.All(), .. CutFiles.All(), .. DamagedFiles.All(), .. Bombs.All(), .. OddColours.All(), .. OddFiles.All()]);

    /// <summary>Every file with what must become of it.</summary>
    public static IReadOnlyList<HostileFile> All => _all.Value;

    /// <summary>Writes the folder.</summary>
    public static void WriteTo(string folder)
    {
        foreach (var file in All)
            File.WriteAllBytes(Path.Combine(folder, file.Name), file.Bytes);
    }

    /// <summary>
    /// A JPEG that begins well and goes on with zeros up to a length; the file system stores a few kilobytes of it. Too many bytes for any limit below that.
    /// </summary>
    public static void WriteSparseJpeg(string path, long length)
    {
        using var file = File.Create(path);
        file.Write(Pictures.Jpeg.AsSpan(0, Pictures.Jpeg.Length / 2));
        file.SetLength(length);
    }
}
