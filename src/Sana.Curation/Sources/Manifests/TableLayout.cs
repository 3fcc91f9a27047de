namespace Sana.Curation.Sources.Manifests;

/// <summary>What the values of a table's column are.</summary>
internal enum TableType
{
    /// <summary>Texts.</summary>
    Text,

    /// <summary>Bytes that nobody calls a text.</summary>
    Binary,

    /// <summary>Whole numbers.</summary>
    Number,

    /// <summary>Lists of texts.</summary>
    Texts,

    /// <summary>Anything else.</summary>
    Other,
}

/// <summary>A column of a table that has values itself: of a structure each of its members.</summary>
/// <param name="Name">The column's name at the top.</param>
/// <param name="Path">Its whole path with dots, unique in the table.</param>
/// <param name="Leaf">The last part of the path that is a name.</param>
/// <param name="Type">What its values are.</param>
internal sealed record TableColumn(string Name, string Path, string Leaf, TableType Type);

/// <summary>
/// Which columns of a Parquet or Arrow table are read as what. An image column is known by its type: bytes, or a structure of bytes and path, whatever its
/// name.
/// </summary>
/// <param name="Image">The column with the images' bytes; null when rows name files or addresses.</param>
/// <param name="Fields">The columns that are read with each row, with the name that they are read under.</param>
/// <param name="Fault">Why the table has no images, with its reason; null when it has.</param>
internal sealed record TableLayout(TableColumn? Image, IReadOnlyList<(string Name, TableColumn Column)> Fields, (string Reason, string Message)? Fault)
{
    private static readonly string[] _bytes = ["bytes", "data", "content"];
    private static readonly string[] _raw = ["raw", "value", "content"];

    /// <summary>Judges the columns.</summary>
    /// <param name="columns">In the table's order.</param>
    /// <param name="captions">Which names are captions.</param>
    /// <param name="areImages">Whether bytes under the name of a file are images rather than names, by the first of them.</param>
    /// <param name="tally">Takes the names of texts that are not read.</param>
    public static TableLayout Of(IReadOnlyList<TableColumn> columns, CaptionFields captions, Func<TableColumn, bool> areImages, SourceTally tally)
    {
        var (fields, images, wrong) = (new List<(string, TableColumn)>(), new List<TableColumn>(), (TableColumn?)null);
        foreach (var column in columns)
        {
            var isTop = column.Path == column.Name;
            var (meaning, rank) = (Columns.Of(column.Name).Column, captions.Rank(column.Name));
            if (column.Type == TableType.Binary && (isTop ? rank is null && (meaning == Column.None || (meaning == Column.Path && areImages(column)))
                : _bytes.Contains(column.Leaf)))
                images.Add(column);
            else if (!isTop && column.Leaf == "path" && column.Type is TableType.Text or TableType.Binary
                && (meaning == Column.Path || columns.Any(other => other.Name == column.Name && other.Leaf == "bytes")))
                fields.Add(("path", column));
            else if (isTop && meaning != Column.None && column.Type is TableType.Text or TableType.Binary or TableType.Number
                && !(meaning is Column.Path or Column.Url && column.Type == TableType.Number))
                fields.Add((column.Name, column));
            else if (rank is not null)
                fields.Add((column.Name, column));
            else if (meaning is Column.Path or Column.Url)
                wrong ??= column;
            else if (column.Type is TableType.Text or TableType.Texts)
                tally.NotTaken(column.Name);
        }

        // Of a caption column of structures one member is the text.
        foreach (var members in fields.Where(field => captions.Rank(field.Item1) is not null).GroupBy(field => field.Item1)
            .Where(members => members.Count() > 1).ToList())
        {
            var best = members.Where(member => member.Item2.Type is TableType.Text or TableType.Texts)
                .OrderBy(member => captions.Rank(member.Item2.Leaf) ?? (_raw.Contains(member.Item2.Leaf) ? 100 : 200)).Select(member => member.Item2)
                .FirstOrDefault();
            fields.RemoveAll(field => field.Item1 == members.Key && field.Item2 != best);
        }

        var image = images.OrderBy(column => Columns.Of(column.Name).Column == Column.Path ? 0 : 1).FirstOrDefault();
        foreach (var other in images.Where(other => other != image))
            tally.LeftOut($"other image column '{FileNames.Shown(other.Name)}'");
        // The path beside another column's bytes names none of these images.
        fields.RemoveAll(field => field.Item2.Leaf == "path" && field.Item2.Path != field.Item2.Name && image is not null && field.Item2.Name != image.Name);
        var fault = image is not null || Columns.HaveImage(fields.Select(field => field.Item1)) ? ((string, string)?)null
            : wrong is not null ? (Reasons.WrongType, $"The column '{FileNames.Shown(wrong.Name)}' of the manifest is no text.")
            : (Reasons.MissingColumn, $"The manifest has no column of images, and none of the columns {Columns.ImageNames}.");
        return new TableLayout(image, fields, fault);
    }
}
