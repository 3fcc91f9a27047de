using System.IO.Compression;
using System.Text;
using System.Text.Json;

namespace Sana.Jobs.Generation;

/// <summary>
/// Prompts as people have them: tables (CSV, TSV, Parquet) with a column of prompts, JSON lists, folders of <c>.txt</c> files, the index of a curated dataset, and any
/// of these packed with gzip. They are rewritten as JSON lines, one row of the list on the line of its number.
/// </summary>
/// <param name="options">Which column, and how strict.</param>
internal sealed partial class PromptLists(PromptListOptions options)
{
    private const long MostBytes = 8L * 1024 * 1024 * 1024;

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
}

[System.Text.Json.Serialization.JsonSerializable(typeof(JsonElement))]
internal sealed partial class PromptListJson : System.Text.Json.Serialization.JsonSerializerContext;
