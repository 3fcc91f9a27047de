using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using CsvHelper;
using Sana.Storage;

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
        content = content.Length > 0 && content.Span[^1] == '\r' ? content[..^1] : content;
        return content.Span.ContainsAnyExcept(" \t\r\n"u8) ? content : default;
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
        Stream stream, SourceOptions options, CaptionTextReader texts, CaptionFields fields, SourceTally tally,
            [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var number = 0L;
        await foreach (var line in new Records(stream, options.MaxRowBytes, delimiter: null).Read(cancellationToken))
            yield return line is null ? TooLong(++number, options) : Row(++number, line.Value.Span, texts, fields, tally);
    }

    public static ManifestRow TooLong(long number, SourceOptions options) =>
        ManifestRow.Fault(number, Reasons.BadRow, $"The row has more than {options.MaxRowBytes} bytes.");

    private static ManifestRow Row(long number, ReadOnlySpan<byte> line, CaptionTextReader texts, CaptionFields fields, SourceTally tally)
    {
        if (texts.Decode(line, out _) is not { } text)
            return ManifestRow.Fault(number, Reasons.BadRow, "The row is not UTF-8.");
        try
        {
            using var json = JsonDocument.Parse(text, _json);
            return json.RootElement.ValueKind == JsonValueKind.Object
                ? Row(number, json.RootElement, fields, tally)
                : ManifestRow.Fault(number, Reasons.BadRow, $"The row is {json.RootElement.ValueKind}, not an object.");
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            // The reader's message may quote the row.
            return ManifestRow.Fault(number, Reasons.BadRow, "The row is not JSON of at most 64 levels.");
        }
    }

    /// <summary>An object as a row.</summary>
    /// <exception cref="InvalidOperationException">A text in it is none.</exception>
    public static ManifestRow Row(long number, JsonElement json, CaptionFields fields, SourceTally tally)
    {
        var found = new List<RowField>();
        foreach (var property in json.EnumerateObject().Where(property => Columns.Of(property.Name).Column != Column.None))
            found.Add(new RowField(property.Name, Value(property.Value)));
        if (!Columns.HaveImage(found.Select(field => field.Name)))
            return ManifestRow.Fault(number, Reasons.MissingColumn, $"The row has none of {Columns.ImageNames}.");
        var isWrong = false;
        var captions = JsonCaptions.Of(json, fields, NotTaken, _ => isWrong = true);
        return new ManifestRow(number, found) { Captions = captions, HasWrongCaption = isWrong };

        void NotTaken(string name)
        {
            if (Columns.Of(name).Column == Column.None)
                tally.NotTaken(name);
        }
    }

    private static FieldValue Value(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => new FieldValue(value.GetString()),
        JsonValueKind.Null => default,
        JsonValueKind.Number => new FieldValue(value.GetRawText(), Other: "number"),
        JsonValueKind.Array when value.GetArrayLength() == 1 && value[0].ValueKind == JsonValueKind.String => new FieldValue(Texts: [value[0].GetString()!]),
        _ => new FieldValue(Other: value.ValueKind.ToString().ToLowerInvariant()),
    };
}

/// <summary>A list of addresses or file names, one a line; lines that begin with # are none.</summary>
internal static class ListRows
{
    public static async IAsyncEnumerable<ManifestRow> Read(
        Stream stream, SourceOptions options, CaptionTextReader texts, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var number = 0L;
        await foreach (var line in new Records(stream, options.MaxRowBytes, delimiter: null).Read(cancellationToken))
        {
            var text = line is null ? null : texts.Decode(line.Value.Span, out _)?.Trim();
            if (text is ['#', ..])
                continue;
            number++;
            yield return line is null ? JsonlRows.TooLong(number, options)
                : text is null ? ManifestRow.Fault(number, Reasons.BadRow, "The row is not UTF-8.")
                : new ManifestRow(number, [new RowField("path", new FieldValue(text))]);
        }
    }
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
        var (number, names) = (0L, (string[]?)null);
        await foreach (var record in new Records(stream, options.MaxRowBytes, (byte)separator).Read(cancellationToken))
        {
            var fields = record is null ? null : Fields(record.Value, separator);
            if (names is null)
            {
                names = Array.ConvertAll(fields ?? [], field => texts.Decode(field, out _)?.Trim() ?? "");
                if (!Columns.HaveImage(names))
                {
                    yield return ManifestRow.Fault(0, Reasons.MissingColumn, $"The manifest's first row has none of {Columns.ImageNames}.");
                    yield break;
                }

                continue;
            }

            number++;
            yield return record is null ? JsonlRows.TooLong(number, options)
                : fields is null ? ManifestRow.Fault(number, Reasons.BadRow, "The row has a quote where none may stand.")
                : fields.Length != names.Length ? ManifestRow.Fault(number, Reasons.BadRow,
                    $"The row has {Counted.Of(fields.Length, "field")}, the first row {names.Length}.")
                : new ManifestRow(number, [.. names.Select((name, at) => new RowField(name, fields[at].Length == 0 ? default
                    : new FieldValue(Bytes: fields[at])))]);
        }
    }

    /// <summary>What parts the fields: the mark that makes an image column of the first line.</summary>
    public static char Separator(ReadOnlySpan<byte> head, bool isTabbed)
    {
        var end = head.IndexOfAny("\r\n"u8);
        var line = Encoding.Latin1.GetString(end < 0 ? head : head[..end]);
        var found = _separators.Where(mark => Columns.HaveImage(line.Split(mark).Select(name => name.Trim(' ', '"'))));
        return isTabbed ? '\t' : found.OrderByDescending(mark => line.Count(letter => letter == mark)).FirstOrDefault(',');
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
}
