using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using CsvHelper;

namespace Sana.Curation.Sources.Manifests;

/// <summary>
/// Cuts a manifest into records: lines, or with a delimiter the records of CSV, in which a quoted field may hold line ends. A record over the limit is passed
/// over without being held, up to the next line end, so one quote that never closes costs the limit and not the file.
/// </summary>
/// <param name="stream">From its beginning.</param>
/// <param name="maxBytes">The longest record.</param>
/// <param name="delimiter">Between fields; null for lines.</param>
internal sealed class Records(Stream stream, int maxBytes, byte? delimiter)
{
    private bool _isFieldStart = true;
    private bool _isQuoted;
    private bool _isInside;

    /// <summary>
    /// Records without their line ends; null for one that is too long. The memory is valid until the next one is asked for. Empty records are left out.
    /// </summary>
    public async IAsyncEnumerable<ReadOnlyMemory<byte>?> Read([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var (buffer, record, isTooLong) = (new byte[64 * 1024], new MemoryStream(), false);
        int read;
        // Whole buffers: where a record over the limit ends must not hang on how a network cuts its answers.
        while ((read = await stream.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken)) > 0)
        {
            for (var at = 0; at < read;)
            {
                var end = End(buffer.AsSpan(at, read - at), isTooLong);
                var piece = buffer.AsMemory(at, end < 0 ? read - at : end);
                if (!isTooLong && record.Length + piece.Length > maxBytes)
                {
                    (isTooLong, end) = (true, -1);
                    record.SetLength(0);
                    Reset();
                    // The piece is looked through again, for the line's end alone.
                    continue;
                }

                at += end < 0 ? piece.Length : end + 1;
                if (!isTooLong)
                    record.Write(piece.Span);
                if (end < 0)
                    continue;
                if (isTooLong)
                    yield return null;
                else if (Content(record) is { Length: > 0 } content)
                    yield return content;
                record.SetLength(0);
                isTooLong = false;
                Reset();
            }
        }

        if (isTooLong)
            yield return null;
        else if (Content(record) is { Length: > 0 } last)
            yield return last;
    }

    private static ReadOnlyMemory<byte> Content(MemoryStream record)
    {
        var content = record.GetBuffer().AsMemory(0, (int)record.Length);
        return content.Length > 0 && content.Span[^1] == '\r' ? content[..^1] : content;
    }

    private void Reset() => (_isFieldStart, _isQuoted, _isInside) = (true, false, false);

    /// <summary>Where the record ends; -1 when it goes on. Quotes mean something only where a field begins with one, as CsvHelper has it.</summary>
    private int End(ReadOnlySpan<byte> bytes, bool isLine)
    {
        if (delimiter is null || isLine)
            return bytes.IndexOf((byte)'\n');
        for (var at = 0; at < bytes.Length; at++)
        {
            var letter = bytes[at];
            if (letter == '"' && (_isFieldStart || _isQuoted))
                (_isQuoted, _isInside, _isFieldStart) = (true, !_isInside, false);
            else if (letter is (byte)'\n' or (byte)'\r' && !_isInside)
                return at;
            else if (letter == delimiter && !_isInside)
                (_isFieldStart, _isQuoted) = (true, false);
            else
                _isFieldStart = false;
        }

        return -1;
    }
}

/// <summary>A manifest of one JSON object a line.</summary>
internal static class JsonlRows
{
    private static readonly JsonDocumentOptions _json = new() { MaxDepth = 64 };

    public static async IAsyncEnumerable<ManifestRow> Read(
        Stream stream, SourceOptions options, CaptionTextReader texts, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var number = 0L;
        await foreach (var line in new Records(stream, options.MaxRowBytes, delimiter: null).Read(cancellationToken))
            yield return line is null ? TooLong(++number, options) : Row(++number, line.Value.Span, texts);
    }

    public static ManifestRow TooLong(long number, SourceOptions options) =>
        ManifestRow.Fault(number, Reasons.BadRow, $"The row has more than {options.MaxRowBytes} bytes.");

    private static ManifestRow Row(long number, ReadOnlySpan<byte> line, CaptionTextReader texts)
    {
        if (texts.Decode(line, out _) is not { } text)
            return ManifestRow.Fault(number, Reasons.BadRow, "The row is not UTF-8.");
        try
        {
            using var json = JsonDocument.Parse(text, _json);
            if (json.RootElement.ValueKind != JsonValueKind.Object)
                return ManifestRow.Fault(number, Reasons.BadRow, $"The row is {json.RootElement.ValueKind}, not an object.");
            var properties = json.RootElement.EnumerateObject().ToArray();
            var places = Columns.Places(Array.ConvertAll(properties, property => property.Name));
            return Columns.HaveImage(places)
                ? new ManifestRow(number, [.. places.Select((place, column) => place < 0 ? default : Value(properties[place].Value, (Column)column))])
                : ManifestRow.Fault(number, Reasons.MissingColumn, $"The row has none of {Columns.ImageNames}.");
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            // The reader's message may quote the row.
            return ManifestRow.Fault(number, Reasons.BadRow, "The row is not JSON of at most 64 levels.");
        }
    }

    private static Cell Value(JsonElement value, Column column) => value.ValueKind switch
    {
        JsonValueKind.String => new Cell(true, value.GetString()),
        JsonValueKind.Null => new Cell(true),
        JsonValueKind.Number when column is Column.Id or Column.Key or Column.Hash => new Cell(true, value.GetRawText()),
        _ => new Cell(true, WrongType: value.ValueKind.ToString().ToLowerInvariant()),
    };
}

/// <summary>
/// A manifest of values with a header. Fields are taken as bytes and each is decoded on its own: one caption in another encoding spoils no row.
/// </summary>
internal static class CsvRows
{
    private static readonly char[] _separators = [',', '\t', ';', '|'];

    public static async IAsyncEnumerable<ManifestRow> Read(
        Stream stream, SourceOptions options, CaptionTextReader texts, char separator, [EnumeratorCancellation] CancellationToken cancellationToken)
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

    /// <summary>The fields of one record; null where a quote stands that may not.</summary>
    public static byte[][]? Fields(ReadOnlyMemory<byte> record, char separator)
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

    private static Cell Value(byte[] field, Column column, CaptionTextReader texts)
    {
        if (field.Length == 0)
            return new Cell(true);
        if (column == Column.Caption)
            return new Cell(true, Bytes: field);
        return texts.Decode(field, out _) is { } text ? new Cell(true, text) : new Cell(true, WrongType: "not UTF-8");
    }
}
