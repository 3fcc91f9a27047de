using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Sana.Curation;
using Sana.Jobs.Durable;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Curation;

/// <summary>Records as lines of a blob: how one step hands its rows to the next.</summary>
internal static class JsonLines
{
    /// <summary>Every record of a blob; null when there is none.</summary>
    public static async Task<List<T>?> TryReadLines<T>(this IBlobs blobs, string name, JsonTypeInfo<T> type, CancellationToken cancellationToken)
    {
        if (await blobs.Open(name, cancellationToken) is not { } stream)
            return null;
        using var reader = new StreamReader(stream, Encoding.UTF8);
        var rows = new List<T>();
        while (await reader.ReadLineAsync(cancellationToken) is { } line)
            rows.Add(JsonSerializer.Deserialize(line, type)!);
        return rows;
    }

    /// <exception cref="SanaException">The blob is gone.</exception>
    public static async Task<List<T>> ReadLines<T>(this IBlobs blobs, string name, JsonTypeInfo<T> type, CancellationToken cancellationToken) =>
        await blobs.TryReadLines(name, type, cancellationToken) ?? throw new SanaException($"{blobs.Place} has no {name}; start the run again.");

    public static Task WriteLines<T>(this IBlobs blobs, string name, IEnumerable<T> rows, JsonTypeInfo<T> type, CancellationToken cancellationToken) =>
        blobs.PutOrRepair(name, Bytes(rows, type), cancellationToken);

    public static byte[] Bytes<T>(IEnumerable<T> rows, JsonTypeInfo<T> type)
    {
        var lines = new MemoryStream();
        foreach (var row in rows)
        {
            JsonSerializer.Serialize(lines, row, type);
            lines.WriteByte((byte)'\n');
        }

        return lines.ToArray();
    }
}

/// <summary>What several steps ask of rows.</summary>
internal static class Rows
{
    /// <summary>The key of a row that is not in a shard.</summary>
    public static string Key(int shard, int row) => string.Create(CultureInfo.InvariantCulture, $"{shard:00000}-{row:0000}");

    /// <summary>Whether a retry is for this reason.</summary>
    public static bool Wants(this RetryOrder? retry, string? reason) => reason is not null && retry is not null && retry.Reasons.Contains(reason);

    /// <summary>Rows by what they came to: what a rule left out counts as done.</summary>
    public static ItemCounts Count(IEnumerable<IndexRow> rows)
    {
        var counts = ItemCounts.None;
        foreach (var row in rows)
        {
            counts = counts.Plus(row.Status switch
            {
                RowStatus.Failed => new ItemCounts(0, 1, 0),
                RowStatus.Rejected => new ItemCounts(0, 0, 1),
                _ => new ItemCounts(1, 0, 0),
            });
        }

        return counts;
    }
}
