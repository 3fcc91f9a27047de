namespace Sana.Curation.Sources;

/// <summary>What a file of a source is by its name. The bytes decide later whether an image is one.</summary>
internal enum FileKind
{
    Other,
    Image,
    CaptionText,
    CaptionJson,
    Tar,

    /// <summary>A tar packed with gzip, which is unpacked.</summary>
    GzipTar,

    /// <summary>A tar packed in another way, which is not read.</summary>
    PackedTar,
    Zip,

    /// <summary>A table or list of images.</summary>
    Manifest,
}

/// <summary>Names of a source's files, taken apart.</summary>
internal static class FileNames
{
    private static readonly HashSet<string> _images = new(StringComparer.OrdinalIgnoreCase)
    {
        "jpg", "jpeg", "jpe", "jfif", "pjpeg", "pjp", "png", "apng", "webp", "gif", "tif", "tiff", "avif", "avifs",

        // Pictures that are not decoded: each is a row that says so.
        "bmp", "dib", "heic", "heif", "heics", "jxl", "jp2", "j2k", "jpf", "jxr", "svg", "svgz", "ppm", "pgm", "pbm", "pnm", "pam", "ico", "psd", "xcf",
            "exr", "hdr", "tga", "pcx", "qoi", "dds", "dcm", "eps", "wmf", "emf",
        "3fr", "arw", "cr2", "cr3", "dng", "dcr", "erf", "iiq", "kdc", "mef", "mos", "nef", "nrw", "orf", "pef", "raf", "rw2", "sr2", "srw",
    };

    private static readonly string[] _packed = [".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".tar.lz4"];
    private static readonly HashSet<string> _tables = new(StringComparer.OrdinalIgnoreCase) { "jsonl", "ndjson", "csv", "tsv", "parquet", "arrow" };

    public static FileKind Kind(string name)
    {
        if (_packed.Any(end => name.EndsWith(end, StringComparison.OrdinalIgnoreCase)))
            return FileKind.PackedTar;
        var ending = Ending(name);
        return ending.ToLowerInvariant() switch
        {
            "txt" or "caption" or "captions" or "cap" or "text" or "prompt" => FileKind.CaptionText,
            "json" => FileKind.CaptionJson,
            "tar" => FileKind.Tar,
            "tgz" => FileKind.GzipTar,
            "zip" => FileKind.Zip,
            "gz" => Kind(name[..^3]) switch
            {
                FileKind.Tar => FileKind.GzipTar,
                FileKind.Manifest => FileKind.Manifest,
                FileKind.CaptionJson => FileKind.CaptionJson,
                _ => FileKind.Other
            },
            _ => _images.Contains(ending) ? FileKind.Image : _tables.Contains(ending) ? FileKind.Manifest : FileKind.Other,
        };
    }

    /// <summary>The ending of a table or list, <c>.gz</c> taken off, lower case.</summary>
    public static string TableEnding(string name) => Ending(name.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? name[..^3] : name).ToLowerInvariant();

    /// <summary>Whether a file is packed with gzip by its name.</summary>
    public static bool IsGzip(string name) => Ending(name).ToLowerInvariant() is "gz" or "tgz";

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

    /// <summary>The last part of a path.</summary>
    public static string Last(string name) => name[(name.LastIndexOf('/') + 1)..];

    /// <summary>The folder with its slash; empty at the top.</summary>
    public static string Folder(string name) => name[..(name.LastIndexOf('/') + 1)];

    /// <summary>The name without what would spoil a log or a table: controls as question marks, 200 characters at most.</summary>
    public static string Shown(string name)
    {
        var shown = string.Concat(name.Take(200).Select(letter => char.IsControl(letter) || char.IsSurrogate(letter) ? '?' : letter));
        return name.Length > 200 ? shown + "…" : shown;
    }
}
