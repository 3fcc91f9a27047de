using System.Text;

namespace Sana.Curation.Sources.Manifests;

/// <summary>What a field of a manifest's row may say of an image.</summary>
internal enum Column
{
    None,
    Url,
    Path,
    Key,
    Sha256,
    Hash,
    Md5,
    Licence,
}

/// <summary>The names under which manifests of the field have their columns; letter case does not count.</summary>
internal static class Columns
{
    /// <summary>Names an image may stand under, for messages.</summary>
    public const string ImageNames = "url, image_url, path, file, file_name, image, blob or key";

    private static readonly Dictionary<string, (Column Column, int Rank)> _names = new(StringComparer.OrdinalIgnoreCase);
    private static readonly HashSet<string> _files = new(StringComparer.Ordinal) { "file", "filename", "filepath", "path", "image", "img", "photo",
        "picture", "imagepath", "imagename", "imagefile" };
    private static readonly HashSet<string> _addresses = new(StringComparer.Ordinal) { "url", "uri", "link" };
    private static readonly HashSet<string> _notFiles = new(StringComparer.Ordinal)
    {
        "id", "idx", "index", "width", "height", "size", "type", "format", "hash", "md5", "sha256", "caption", "text", "prompt", "description", "count",
            "num", "score", "mask", "embedding", "page", "local", "source", "original",
        "license", "licence", "author", "thumbnail", "depth", "label", "control", "conditioning", "shard", "audio", "video", "json", "annotation",
    };

    static Columns()
    {
        Add(Column.Url, "url", "image_url", "img_url", "imageurl", "coco_url", "flickr_url", "photo_image_url", "uri", "image_uri");
        Add(Column.Path, "path", "file", "file_name", "filename", "file_path", "filepath", "image_path", "image", "blob", "images", "img", "img_path",
            "image_file", "image_name", "img_name", "photo", "picture");
        Add(Column.Key, "key");
        Add(Column.Sha256, "sha256");
        Add(Column.Hash, "hash");
        Add(Column.Md5, "md5");
        Add(Column.Licence, "licence", "license");
    }

    /// <summary>What a name means, and its place among the names that mean the same.</summary>
    public static (Column Column, int Rank) Of(string name)
    {
        if (_names.TryGetValue(name, out var known))
            return known;
        var words = CaptionFields.Words(name);
        return words.Any(_notFiles.Contains) ? (Column.None, 0)
            : words.Any(_addresses.Contains) && (words.Count == 1 || words.Any(_files.Contains)) ? (Column.Url, 100)
            : words.Any(_files.Contains) ? (Column.Path, 100)
            : (Column.None, 0);
    }

    /// <summary>Whether images can be found by columns of these names.</summary>
    public static bool HaveImage(IEnumerable<string> names) => names.Any(name => Of(name).Column is Column.Url or Column.Path or Column.Key);

    private static void Add(Column column, params string[] names)
    {
        foreach (var name in names)
            _names[name] = (column, _names.Count);
    }
}

/// <summary>What stands in one field of a row. The default is a field without a value.</summary>
/// <param name="Text">A text.</param>
/// <param name="Bytes">A text whose encoding only its reader knows.</param>
/// <param name="Texts">A list of texts.</param>
/// <param name="Other">What stands there when it is no text; numbers keep their <see cref="Text"/> beside it.</param>
internal readonly record struct FieldValue(string? Text = null, ReadOnlyMemory<byte>? Bytes = null, IReadOnlyList<string>? Texts = null, string? Other = null)
{
    private static readonly UTF8Encoding _utf8 = new(false, throwOnInvalidBytes: true);

    /// <summary>Whether there is nothing.</summary>
    public bool IsNone => Text is null && Bytes is null && Texts is null && Other is null;

    /// <summary>The text; null when there is none, or none in UTF-8.</summary>
    public string? AsText()
    {
        if (Bytes is not { } bytes)
            return Text;
        try
        {
            return _utf8.GetString(bytes.Span);
        }
        catch (DecoderFallbackException)
        {
            return null;
        }
    }
}

/// <summary>One field of a row.</summary>
internal readonly record struct RowField(string Name, FieldValue Value);

/// <summary>One row of a manifest, or what is wrong where one should be.</summary>
/// <param name="Number">From 1; 0 for the manifest as a whole.</param>
/// <param name="Fields">In the order of the row.</param>
/// <param name="Reason">Why there is no row; null for a good one.</param>
/// <param name="Message">One sentence to that.</param>
internal sealed record ManifestRow(long Number, IReadOnlyList<RowField> Fields, string? Reason = null, string? Message = null)
{
    /// <value>The cell that holds the image's bytes; null when the row names a file or an address.</value>
    public SourceCell? Cell { get; init; }

    /// <value>Captions of an object, where fields alone do not tell them; null lets the fields tell.</value>
    public IReadOnlyList<(string Text, string Field)>? Captions { get; init; }

    /// <value>Fields that should be captions and hold no text.</value>
    public bool HasWrongCaption { get; init; }

    public static ManifestRow Fault(long number, string reason, string message) => new(number, [], reason, message);
}
