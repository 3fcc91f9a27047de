namespace Sana.Curation.Sources;

/// <summary>What a file of a source is by its name. The bytes decide later whether an image is one.</summary>
internal enum FileKind
{
    Other,
    Image,
    CaptionTextReader,
    CaptionJson,
    Tar,
    PackedTar,
}

/// <summary>Names of a source's files, taken apart.</summary>
internal static class FileNames
{
    private static readonly HashSet<string> _images = new(StringComparer.OrdinalIgnoreCase)
    {
        "jpg", "jpeg", "jpe", "jfif", "png", "apng", "webp", "gif", "tif", "tiff", "bmp", "avif", "heic", "heif", "jxl", "jp2", "svg", "ppm", "pgm", "ico",
    };

    private static readonly string[] _packed = [".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst"];

    public static FileKind Kind(string name)
    {
        if (_packed.Any(end => name.EndsWith(end, StringComparison.OrdinalIgnoreCase)))
            return FileKind.PackedTar;
        var ending = Ending(name);
        return ending.ToLowerInvariant() switch
        {
            "txt" or "caption" or "cap" => FileKind.CaptionTextReader,
            "json" => FileKind.CaptionJson,
            "tar" => FileKind.Tar,
            _ => _images.Contains(ending) ? FileKind.Image : FileKind.Other,
        };
    }

    /// <summary>What follows the last dot of the last part; empty when nothing does.</summary>
    public static string Ending(string name)
    {
        var dot = name.LastIndexOf('.');
        return dot > name.LastIndexOf('/') ? name[(dot + 1)..] : "";
    }

    /// <summary>The name without its ending.</summary>
    public static string Stem(string name)
    {
        var dot = name.LastIndexOf('.');
        return dot > name.LastIndexOf('/') ? name[..dot] : name;
    }

    /// <summary>WebDataset's key: up to the first dot of the last part.</summary>
    public static string Key(string name)
    {
        var dot = name.IndexOf('.', name.LastIndexOf('/') + 1);
        return dot < 0 ? name : name[..dot];
    }

    /// <summary>The folder with its slash; empty at the top.</summary>
    public static string Folder(string name) => name[..(name.LastIndexOf('/') + 1)];

    /// <summary>The name without what would spoil a log or a table: controls as question marks, 200 characters at most.</summary>
    public static string Shown(string name)
    {
        var shown = string.Concat(name.Take(200).Select(letter => char.IsControl(letter) || char.IsSurrogate(letter) ? '?' : letter));
        return name.Length > 200 ? shown + "…" : shown;
    }
}
