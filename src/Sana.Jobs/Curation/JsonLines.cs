using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
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
