using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using Parquet;
using Parquet.Data;
using Parquet.Schema;
using Sana.Curation.Sources.Manifests;
using Sana.Storage;

namespace Sana.Jobs.Generation;

// Tables: CSV and TSV, Parquet.
internal sealed partial class PromptLists
{
    private const long MaxColumnBytes = 256L << 20;

    // A table that has one of these is about images that exist: its sizes are theirs.
    private static readonly string[] _imageColumns = ["url", "image_url", "image", "image_path", "file_name", "filename", "sha256", "source_uri", "phash"];

    private static readonly char[] _separators = [',', ';', '\t', '|'];

    // Records keep their numbers, the header's among them, so that a row is found again.
    private void Csv(Stream bytes, Spool lines, string name, string ending)
    {
        var mark = new byte[3];
        bytes.Position = bytes.ReadAtLeast(mark, 3, throwOnEndOfStream: false) == 3 && mark is [0xef, 0xbb, 0xbf] ? 3 : 0;
        var separator = ending == ".csv" ? Separator(bytes) : '\t';
        TableColumns? columns = null;
        var width = 0;
        foreach (var record in new Records(bytes, PromptLines.MaxBytes, (byte)separator).Read(CancellationToken.None).ToBlockingEnumerable())
        {
            var fields = record is { } bounded ? CsvRows.Fields(bounded, separator) : null;
            if (columns is null)
            {
                columns = new TableColumns([.. (fields ?? []).Select(field => Encoding.UTF8.GetString(field).Trim())], options, name, Notes);
                width = fields!.Length;
            }
            else if (fields is null || fields.Length > width)
            {
                // No JSON, so that the row is one with a reason.
                lines.Write(Encoding.UTF8.GetBytes(fields is null ? "a row that is too long or has a quote where none may stand" : $"a row of {Counted.Of(fields.Length, "field")}"));
            }
            else if (!Array.TrueForAll(fields, field => Utf8.IsValid(field)))
            {
                lines.WriteByte(0xff);
            }
            else
            {
                columns.Write(lines, column => column < fields.Length ? Encoding.UTF8.GetString(fields[column]) : null);
            }

            lines.WriteByte((byte)'\n');
        }

        if (columns is null)
            throw new SanaException($"The prompts file '{name}' is empty.");
    }

    // The mark that the header has most of; prompts themselves have commas.
    private static char Separator(Stream bytes)
    {
        var (start, head) = (bytes.Position, new byte[64 * 1024]);
        var length = bytes.ReadAtLeast(head, head.Length, throwOnEndOfStream: false);
        bytes.Position = start;
        var line = Encoding.UTF8.GetString(head, 0, length).Split('\n')[0];
        return _separators.MaxBy(mark => line.Count(letter => letter == mark));
    }

    private async Task Parquet(Stream bytes, Spool lines, string name)
    {
        SanaException Damaged(string fault, Exception? error = null) => new($"The prompts file '{name}' is no Parquet file that can be read: {fault}.", error ?? new InvalidDataException(fault));
        if (await ParquetGuard.Footer(bytes, CancellationToken.None) is { } fault)
            throw Damaged(fault);
        bytes.Position = 0;
        try
        {
            await using var reader = await ParquetReader.CreateAsync(bytes, null, true, CancellationToken.None);
            var fields = reader.Schema.Fields.ToArray();
            var columns = new TableColumns(Array.ConvertAll(fields, field => field.Name), options, name, Notes);
            for (var group = 0; group < reader.RowGroupCount; group++)
            {
                using var open = reader.OpenRowGroupReader(group);
                var rows = reader.Metadata!.RowGroups[group].NumRows;
                var cells = new Func<int, string?>?[fields.Length];
                foreach (var column in columns.Used)
                {
                    if (fields[column] is not DataField { MaxRepetitionLevel: 0 } field)
                        throw Damaged($"its column {fields[column].Name} is no text and no number");
                    if (rows is < 0 or > ParquetGuard.MaxRows || await ParquetGuard.Pages(bytes, open.GetMetadata(field)!.MetaData!, rows, isList: false, MaxColumnBytes, CancellationToken.None) is not null)
                        throw Damaged($"row group {group} is damaged");
                    cells[column] = Cells(await open.ReadRawColumnDataBaseAsync(field, CancellationToken.None));
                }

                for (var row = 0; row < rows; row++)
                {
                    columns.Write(lines, column => cells[column]?.Invoke(row));
                    lines.WriteByte((byte)'\n');
                }
            }
        }
        catch (Exception error) when (error is not SanaException)
        {
            // The library has no exception of its own for damage.
            throw Damaged(error.Message.Split('\n')[0].TrimEnd('.'), error);
        }
    }

    private static Func<int, string?> Cells(RawColumnData raw)
    {
        Func<int, string?> Numbers<T>(RawColumnData<T> column)
            where T : struct, IFormattable
        {
            var values = column.NullableValues.ToArray();
            return row => values[row]?.ToString(null, CultureInfo.InvariantCulture);
        }

        switch (raw)
        {
            case RawColumnData<ReadOnlyMemory<char>> texts:
                var text = texts.NullableValues.ToArray();
                return row => text[row]?.ToString();
            case RawColumnData<ReadOnlyMemory<byte>> blobs:
                var blob = blobs.NullableValues.ToArray();
                return row => blob[row] is { } value ? Encoding.UTF8.GetString(value.Span) : null;
            case RawColumnData<long> whole:
                return Numbers(whole);
            case RawColumnData<int> whole:
                return Numbers(whole);
            case RawColumnData<uint> whole:
                return Numbers(whole);
            case RawColumnData<ushort> whole:
                return Numbers(whole);
            case RawColumnData<ulong> whole:
                return Numbers(whole);
            case RawColumnData<double> number:
                return Numbers(number);
            case RawColumnData<float> number:
                return Numbers(number);
            default:
                return _ => null;
        }
    }

    /// <summary>What the columns of a table mean.</summary>
    private sealed class TableColumns
    {
        private readonly (int Column, string Name)[] _columns;

        public TableColumns(IReadOnlyList<string> names, PromptListOptions options, string file, List<string> notes)
        {
            var prompt = Find(names, options, file);
            var isOfImages = names.Any(name => _imageColumns.Contains(name.ToLowerInvariant()));
            _columns = [.. names.Select((name, column) => (Column: column, Name: column == prompt ? "prompt" : Meaning(name, isOfImages))).Where(column => column.Name is not null)
                .Select(column => (column.Column, Name: column.Name!)).DistinctBy(column => column.Name)];
            var unused = names.Where((_, column) => !Used.Contains(column)).ToArray();
            if (unused.Length == 0)
                return;
            var named = string.Join(", ", unused.Take(8)) + (unused.Length > 8 ? $" and {unused.Length - 8} more" : "");
            if (options.IsStrict)
                throw new SanaException($"The prompts file '{file}' has columns that mean nothing here: {named}; take them out, or leave --strict away.");
            notes.Add($"{unused.Length} {(unused.Length == 1 ? "column has" : "columns have")} no meaning here and {(unused.Length == 1 ? "was" : "were")} not used (unknown_field): {named}.");
        }

        public IEnumerable<int> Used => _columns.Select(column => column.Column);

        public void Write(Spool lines, Func<int, string?> cell)
        {
            using var line = new Utf8JsonWriter(lines, _line);
            line.WriteStartObject();
            foreach (var (column, name) in _columns)
            {
                var text = cell(column);
                if (name == "prompt")
                    line.WriteString(name, text ?? "");
                else if (!string.IsNullOrWhiteSpace(text))
                    PromptFields.WriteValue(line, name, text.Trim());
            }

            line.WriteEndObject();
            line.Flush();
        }

        private static string? Meaning(string name, bool isOfImages) => PromptFields.Canonical(name.Trim()) is { } meaning and not ("prompt" or "image" or "mask" or "strength")
            && !(isOfImages && meaning is "width" or "height" or "size" or "images") ? meaning : null;

        private static int Find(IReadOnlyList<string> names, PromptListOptions options, string file)
        {
            if (options.Field is { } field)
            {
                for (var i = 0; i < names.Count; i++)
                {
                    if (string.Equals(names[i].Trim(), field, StringComparison.OrdinalIgnoreCase))
                        return i;
                }

                throw new SanaException($"The prompts file '{file}' has no column '{field}'; it has {string.Join(", ", names)}.");
            }

            foreach (var alias in PromptFields.Prompts)
            {
                for (var i = 0; i < names.Count; i++)
                {
                    if (string.Equals(names[i].Trim(), alias, StringComparison.OrdinalIgnoreCase))
                        return i;
                }
            }

            throw new SanaException($"The prompts file '{file}' has no column of prompts ({string.Join(", ", PromptFields.Prompts)}); it has {string.Join(", ", names)}. Name one by --prompt-field.");
        }
    }
}
