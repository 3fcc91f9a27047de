using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using Parquet;
using Parquet.Data;
using Parquet.Schema;
using Sana.Curation.Sources.Manifests;

namespace Sana.Jobs.Generation;

/// <summary>
/// Prompts as people have them: tables (CSV, TSV, Parquet) with a column of prompts, JSON lists, folders of <c>.txt</c> files, the index of a curated dataset, and any
/// of these packed with gzip. They are rewritten as JSON lines, one row of the list on the line of its number.
/// </summary>
/// <param name="options">Which column, and how strict.</param>
internal sealed class PromptLists(PromptListOptions options)
{
    private const long MostBytes = 8L * 1024 * 1024 * 1024;
    private const long MaxColumnBytes = 256L << 20;

    // A table that has one of these is about images that exist: its sizes are theirs.
    private static readonly string[] _imageColumns = ["url", "image_url", "image", "image_path", "file_name", "filename", "sha256", "source_uri", "phash"];

    private static readonly JsonWriterOptions _line = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>What was left out of the lists without a row of its own, as sentences.</summary>
    public List<string> Notes { get; } = [];

    /// <summary>A folder: every <c>.txt</c> file is a prompt and its name the id; or the index of a dataset that <c>sana curate</c> made.</summary>
    public Spool Folder(string folder)
    {
        var lines = new Spool();
        var index = new[] { folder, Path.Combine(folder, "shards") }.Where(Directory.Exists).SelectMany(at => Directory.EnumerateFiles(at, "*.jsonl")).Order(StringComparer.Ordinal).ToArray();
        var texts = Directory.EnumerateFiles(folder, "*.txt").Order(StringComparer.Ordinal).ToArray();
        if (texts.Length > 0)
        {
            foreach (var file in texts)
                Text(lines, file);
        }
        else if (index.Length > 0)
        {
            foreach (var file in index)
            {
                using var bytes = File.OpenRead(file);
                JsonLines(bytes, lines);
            }
        }
        else
        {
            throw new SanaException($"The folder '{folder}' has neither .txt files with a prompt each nor the index of a dataset (shards/00000.jsonl).");
        }

        return lines;
    }

    /// <summary>A file, by its ending; where that says nothing, by its first bytes.</summary>
    /// <param name="bytes">The file.</param>
    /// <param name="name">For messages.</param>
    /// <param name="ending">In lower case, with the dot; empty where there is none.</param>
    /// <returns>Lines and how they are read: <c>.txt</c> or <c>.jsonl</c>.</returns>
    public (Spool Lines, string Ending) Read(Stream bytes, string name, string ending)
    {
        var head = new byte[4096];
        var length = bytes.ReadAtLeast(head, head.Length, throwOnEndOfStream: false);
        var start = head.AsSpan(0, length);
        bytes.Position = 0;
        if (start is [0x1f, 0x8b, ..])
        {
            using var unpacked = new Spool();
            unpacked.Fill(new GZipStream(bytes, CompressionMode.Decompress), MostBytes, name);
            using var inner = unpacked.Open();
            return Read(inner, name, ending == ".gz" ? Path.GetExtension(Path.GetFileNameWithoutExtension(name)).ToLowerInvariant() : ending);
        }

        if (start is [0xff, 0xfe, ..] or [0xfe, 0xff, ..])
        {
            using var utf8 = new Spool();
            using (var text = new StreamReader(bytes, Encoding.Unicode, detectEncodingFromByteOrderMarks: true, leaveOpen: true))
            {
                using var rewritten = new StreamWriter(utf8, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false), leaveOpen: true);
                var letters = new char[32 * 1024];
                for (int read; (read = text.Read(letters)) > 0;)
                    rewritten.Write(letters, 0, read);
            }

            using var inner = utf8.Open();
            return Read(inner, name, ending);
        }

        var lines = new Spool();
        var first = (char)start.TrimStart("\ufeff"u8).TrimStart(" \t\r\n"u8).ToArray().FirstOrDefault();
        switch (ending)
        {
            case ".parquet" or ".pq":
            case "" when start.StartsWith("PAR1"u8):
                Parquet(bytes, lines, name).GetAwaiter().GetResult();
                break;
            case ".csv" or ".tsv" or ".tab":
                Csv(bytes, lines, name, ending);
                break;
            case ".json" or "" when first == '[':
                JsonArray(bytes, lines, name);
                break;
            case ".json" when first == '{' && !IsLines(start):
                JsonObject(bytes, lines, name);
                break;
            case ".json" or ".jsonl" or ".ndjson":
            case "" when first == '{':
                JsonLines(bytes, lines);
                break;
            case ".txt" or ".prompt" or ".prompts" or ".text" or "":
                lines.Fill(bytes, MostBytes, name);
                return (lines, ".txt");
            default:
                lines.Dispose();
                throw new SanaException($"The prompts file '{name}' has the ending {ending}; prompts are read from .txt, .jsonl, .json, .csv, .tsv, .parquet, each also as .gz, and from folders of .txt files.");
        }

        return (lines, ".jsonl");
    }

    private static bool IsLines(ReadOnlySpan<byte> head)
    {
        var end = head.IndexOf((byte)'\n');
        try
        {
            using var json = JsonDocument.Parse(head[..(end < 0 ? head.Length : end)].ToArray());
            return end >= 0 && json.RootElement.ValueKind == JsonValueKind.Object && !json.RootElement.EnumerateObject().Any(member => member.Value.ValueKind == JsonValueKind.Array);
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static void Text(Spool lines, string file)
    {
        using var line = new Utf8JsonWriter(lines, _line);
        line.WriteStartObject();
        // A prompt of several lines is one prompt here; bytes that are no UTF-8 show as such in the row.
        line.WriteString("prompt", string.Join(' ', File.ReadAllText(file).Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)));
        line.WriteString("id", Path.GetFileNameWithoutExtension(file));
        line.WriteEndObject();
        line.Flush();
        lines.WriteByte((byte)'\n');
    }

    // Lines go over as they are, so that a bad one is the same row; a named field becomes the prompt, and an index its captions.
    private void JsonLines(Stream bytes, Spool lines)
    {
        var without = 0;
        foreach (var (_, line, tooLong) in PromptLines.Read(bytes))
        {
            if (tooLong || !TryParse(line, out var row) || row.ValueKind != JsonValueKind.Object)
                lines.Write(tooLong ? new byte[PromptLines.MaxBytes + 1] : line.Span);
            else if (IsIndex(row))
                without += Indexed(row, lines);
            else if (options.Field is not null)
                Object(row, lines);
            else
                lines.Write(line.Span);
            lines.WriteByte((byte)'\n');
        }

        if (without > 0)
            Notes.Add($"{without} {(without == 1 ? "row of the index is" : "rows of the index are")} not in the shards and {(without == 1 ? "has" : "have")} no caption.");
    }

    private static bool TryParse(ReadOnlyMemory<byte> line, out JsonElement row)
    {
        try
        {
            using var json = JsonDocument.Parse(line);
            row = json.RootElement.Clone();
            return true;
        }
        catch (JsonException)
        {
            row = default;
            return false;
        }
    }

    private static bool IsIndex(JsonElement row) => row.TryGetProperty("key", out _) && row.TryGetProperty("status", out _) && row.TryGetProperty("source_uri", out _);

    private static int Indexed(JsonElement row, Spool lines)
    {
        if (!row.TryGetProperty("caption", out var caption) || caption.ValueKind != JsonValueKind.String)
            return 1;
        using var line = new Utf8JsonWriter(lines, _line);
        line.WriteStartObject();
        line.WriteString("prompt", caption.GetString());
        line.WriteString("id", row.GetProperty("key").ToString());
        line.WriteEndObject();
        line.Flush();
        return 0;
    }

    private void Object(JsonElement row, Spool lines)
    {
        using var line = new Utf8JsonWriter(lines, _line);
        line.WriteStartObject();
        foreach (var member in row.EnumerateObject())
        {
            var isPrompt = string.Equals(member.Name, options.Field, StringComparison.OrdinalIgnoreCase);
            if (!isPrompt && PromptFields.Canonical(member.Name) == "prompt")
                continue;
            line.WritePropertyName(isPrompt ? "prompt" : member.Name);
            member.Value.WriteTo(line);
        }

        line.WriteEndObject();
        line.Flush();
    }

    private void JsonArray(Stream bytes, Spool lines, string name)
    {
        try
        {
            foreach (var item in JsonSerializer.DeserializeAsyncEnumerable<JsonElement>(bytes, PromptListJson.Default.JsonElement).ToBlockingEnumerable())
                Item(item, lines);
        }
        catch (JsonException error)
        {
            throw new SanaException($"The prompts file '{name}' is no JSON list: {error.Message}", error);
        }
    }

    private void Item(JsonElement item, Spool lines)
    {
        if (item.ValueKind == JsonValueKind.Object && options.Field is not null)
        {
            Object(item, lines);
        }
        else
        {
            using var line = new Utf8JsonWriter(lines, _line);
            if (item.ValueKind == JsonValueKind.String)
            {
                line.WriteStartObject();
                line.WriteString("prompt", item.GetString());
                line.WriteEndObject();
            }
            else
            {
                item.WriteTo(line);
            }

            line.Flush();
        }

        lines.WriteByte((byte)'\n');
    }

    // One object: of prompts by id, or with one list in it (prompts, data, annotations).
    private void JsonObject(Stream bytes, Spool lines, string name)
    {
        try
        {
            using var json = JsonDocument.Parse(bytes);
            var root = json.RootElement;
            var members = root.EnumerateObject().ToArray();
            string[] known = ["prompts", "data", "annotations", "rows", "items", "captions"];
            var lists = members.Where(member => member.Value.ValueKind == JsonValueKind.Array).ToArray();
            var list = lists.FirstOrDefault(member => known.Contains(member.Name.ToLowerInvariant()));
            if (list.Value.ValueKind != JsonValueKind.Array && lists.Length == 1)
                list = lists[0];
            if (list.Value.ValueKind == JsonValueKind.Array)
            {
                foreach (var item in list.Value.EnumerateArray())
                    Item(item, lines);
            }
            else if (members.Any(member => PromptFields.Canonical(member.Name) == "prompt") || options.Field is not null)
            {
                Item(root, lines);
            }
            else if (members.Length > 0 && members.All(member => member.Value.ValueKind == JsonValueKind.String))
            {
                foreach (var member in members)
                {
                    using (var line = new Utf8JsonWriter(lines, _line))
                    {
                        line.WriteStartObject();
                        line.WriteString("prompt", member.Value.GetString());
                        line.WriteString("id", member.Name);
                        line.WriteEndObject();
                    }

                    lines.WriteByte((byte)'\n');
                }
            }
            else
            {
                throw new SanaException($"The prompts file '{name}' is a JSON object without a list of prompts; make it a list of texts or of objects with a prompt.");
            }
        }
        catch (JsonException error)
        {
            throw new SanaException($"The prompts file '{name}' is no JSON: {error.Message}", error);
        }
    }

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
                lines.Write(Encoding.UTF8.GetBytes(fields is null ? "a row that is too long or has a quote where none may stand" : $"a row of {fields.Length} fields"));
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
        return new[] { ',', ';', '\t', '|' }.MaxBy(mark => line.Count(letter => letter == mark));
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

        private static string? Meaning(string name, bool isOfImages) => PromptFields.Canonical(name.Trim()) is { } meaning and not "prompt"
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

/// <summary>How lists of prompts are read.</summary>
/// <param name="Field">The field or column of prompts. Default: prompt, caption, text … whichever is there.</param>
/// <param name="IsStrict">Whether a row with a field that is not known is left out. Default false: it is counted.</param>
public sealed record PromptListOptions(string? Field = null, bool IsStrict = false);

/// <summary>Bytes in a file without a name: they take no memory, can be read again and again, and are gone with the process.</summary>
internal sealed class Spool : Stream
{
    private readonly FileStream _file;

    public Spool()
    {
        var path = Path.Combine(Path.GetTempPath(), $"sana-{Guid.NewGuid():n}");
        _file = new FileStream(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete, 64 * 1024);
        File.Delete(path);
    }

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => _file.Length;

    public override long Position { get => _file.Position; set => throw new NotSupportedException(); }

    /// <summary>The bytes from their beginning. What was written before is there.</summary>
    public Stream Open()
    {
        _file.Flush();
        return new FileStream($"/proc/self/fd/{_file.SafeFileHandle.DangerousGetHandle()}", FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 64 * 1024);
    }

    /// <summary>Takes all of a stream.</summary>
    /// <exception cref="SanaException">It has more than <paramref name="most"/> bytes, or is damaged.</exception>
    public void Fill(Stream from, long most, string name)
    {
        try
        {
            var buffer = new byte[256 * 1024];
            for (int read; (read = from.Read(buffer)) > 0;)
            {
                if (_file.Length + read > most)
                    throw new SanaException($"The prompts of '{name}' have more than {most} bytes; give them in several files.");
                _file.Write(buffer, 0, read);
            }
        }
        catch (InvalidDataException error)
        {
            throw new SanaException($"The prompts file '{name}' cannot be unpacked: {error.Message}", error);
        }
    }

    public override void Write(byte[] buffer, int offset, int count) => _file.Write(buffer, offset, count);

    public override void Write(ReadOnlySpan<byte> buffer) => _file.Write(buffer);

    public override void WriteByte(byte value) => _file.WriteByte(value);

    public override void Flush() => _file.Flush();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _file.Dispose();
        base.Dispose(disposing);
    }
}

[System.Text.Json.Serialization.JsonSerializable(typeof(JsonElement))]
internal sealed partial class PromptListJson : System.Text.Json.Serialization.JsonSerializerContext;
