using System.Runtime.CompilerServices;
using System.Text.Json;

namespace Sana.Curation.Sources.Manifests;

/// <summary>A manifest of one JSON object a line.</summary>
internal static class JsonlRows
{
    private static readonly JsonDocumentOptions _json = new() { MaxDepth = 64 };

    public static async IAsyncEnumerable<ManifestRow> Read(
        Stream stream, SourceOptions options, CaptionText texts, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var number = 0L;
        await foreach (var line in new Records(stream, options.MaxRowBytes, delimiter: null).Read(cancellationToken))
            yield return line is null ? TooLong(++number, options) : Row(++number, line.Value.Span, texts);
    }

    public static ManifestRow TooLong(long number, SourceOptions options) =>
        ManifestRow.Fault(number, Reasons.BadRow, $"The row has more than {options.MaxRowBytes} bytes.");

    private static ManifestRow Row(long number, ReadOnlySpan<byte> line, CaptionText texts)
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
