using System.Runtime.CompilerServices;
using System.Text;
using CsvHelper;

namespace Sana.Curation.Sources.Manifests;

/// <summary>A manifest of values with a header. Fields are taken as bytes and each is decoded on its own: one caption in another encoding spoils no row.</summary>
internal static class CsvRows
{
    private static readonly char[] _separators = [',', '\t', ';', '|'];

    public static async IAsyncEnumerable<ManifestRow> Read(
        Stream stream, SourceOptions options, CaptionText texts, char separator, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var (number, width, places) = (0L, 0, (int[]?)null);
        await foreach (var record in new Records(stream, options.MaxRowBytes, (byte)separator).Read(cancellationToken))
        {
            var fields = record is null ? null : Fields(record.Value, separator);
            if (places is null)
            {
                places = Columns.Places(Array.ConvertAll(fields ?? [], field => texts.Decode(field, out _)?.Trim() ?? ""));
                width = fields?.Length ?? 0;
                if (!Columns.HaveImage(places))
                {
                    yield return ManifestRow.Fault(0, Reasons.MissingColumn, $"The manifest's first row has none of {Columns.ImageNames}.");
                    yield break;
                }

                continue;
            }

            number++;
            yield return record is null ? JsonlRows.TooLong(number, options)
                : fields is null ? ManifestRow.Fault(number, Reasons.BadRow, "The row has a quote where none may stand.")
                : fields.Length != width ? ManifestRow.Fault(number, Reasons.BadRow, $"The row has {fields.Length} fields, the first row {width}.")
                : new ManifestRow(number, [.. places.Select((place, column) => place < 0 ? default : Value(fields[place], (Column)column, texts))]);
        }
    }

    /// <summary>What parts the fields: the mark that makes an image column of the first line.</summary>
    public static char Separator(ReadOnlySpan<byte> head, bool isTabbed)
    {
        var end = head.IndexOfAny("\r\n"u8);
        var line = Encoding.Latin1.GetString(end < 0 ? head : head[..end]);
        var found = _separators.Where(mark => Columns.HaveImage(Columns.Places(Array.ConvertAll(line.Split(mark), name => name.Trim(' ', '"')))));
        return isTabbed ? '\t' : found.FirstOrDefault(',');
    }

    private static byte[][]? Fields(ReadOnlyMemory<byte> record, char separator)
    {
        var isBad = false;
        var options = new CsvReaderOptions { Separator = separator, HasHeader = false, OnMalformedRecord = _ => isBad = true };
        using var reader = CsvReader.Create(record, options);
        if (!reader.Read())
            return [];
        var fields = new byte[reader.FieldCount][];
        for (var at = 0; at < fields.Length; at++)
            fields[at] = reader.GetSpan(at).ToArray();
        return isBad || reader.Read() ? null : fields;
    }

    private static Cell Value(byte[] field, Column column, CaptionText texts)
    {
        if (field.Length == 0)
            return new Cell(true);
        if (column == Column.Caption)
            return new Cell(true, Bytes: field);
        return texts.Decode(field, out _) is { } text ? new Cell(true, text) : new Cell(true, WrongType: "not UTF-8");
    }
}
