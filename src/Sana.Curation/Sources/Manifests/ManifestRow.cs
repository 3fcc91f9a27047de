namespace Sana.Curation.Sources.Manifests;

/// <summary>What a manifest may say of an image.</summary>
internal enum Column
{
    Url,
    Path,
    Key,
    Caption,
    Sha256,
    Hash,
    Md5,
    Id,
    Licence,
}

/// <summary>The names under which manifests of the field have their columns; the first that is there counts, letter case does not.</summary>
internal static class Columns
{
    private static readonly (Column Column, string[] Names)[] _names =
    [
        (Column.Url, ["url", "image_url", "img_url"]),
        (Column.Path, ["path", "file", "file_name", "filename", "file_path", "image_path", "image", "blob"]),
        (Column.Key, ["key"]),
        (Column.Caption, ["caption", "prompt", "text", "top_caption"]),
        (Column.Sha256, ["sha256"]),
        (Column.Hash, ["hash"]),
        (Column.Md5, ["md5"]),
        (Column.Id, ["id", "uid", "key"]),
        (Column.Licence, ["licence", "license"]),
    ];

    public static int Count { get; } = Enum.GetValues<Column>().Length;

    /// <summary>Where each column stands among these names; -1 where it is not.</summary>
    public static int[] Places(IReadOnlyList<string> names)
    {
        var places = new int[Count];
        foreach (var (column, aliases) in _names)
        {
            places[(int)column] = -1;
            foreach (var alias in aliases)
            {
                for (var at = 0; at < names.Count && places[(int)column] < 0; at++)
                    places[(int)column] = string.Equals(names[at], alias, StringComparison.OrdinalIgnoreCase) ? at : -1;
            }
        }

        return places;
    }

    /// <summary>Whether images can be found by these columns.</summary>
    public static bool HaveImage(int[] places) => places[(int)Column.Url] >= 0 || places[(int)Column.Path] >= 0 || places[(int)Column.Key] >= 0;

    /// <summary>Names an image may stand under, for messages.</summary>
    public const string ImageNames = "url, image_url, path, file, file_name, image, blob or key";
}

/// <summary>What a row has in one column. The default is a column that is not there.</summary>
/// <param name="IsThere">Whether the row has the column.</param>
/// <param name="Text">The value; null for none.</param>
/// <param name="Bytes">The value where only its reader knows the encoding.</param>
/// <param name="WrongType">What stands there instead of a text.</param>
internal readonly record struct Cell(bool IsThere, string? Text = null, byte[]? Bytes = null, string? WrongType = null);

/// <summary>One row of a manifest, or what is wrong where one should be.</summary>
/// <param name="Number">From 1; 0 for the manifest as a whole.</param>
/// <param name="Cells">One for each <see cref="Column"/>; empty for a fault.</param>
/// <param name="Reason">Why there is no row; null for a good one.</param>
/// <param name="Message">One sentence to that.</param>
internal readonly record struct ManifestRow(long Number, Cell[] Cells, string? Reason = null, string? Message = null)
{
    public Cell this[Column column] => Cells[(int)column];

    public static ManifestRow Fault(long number, string reason, string message) => new(number, [], reason, message);
}
