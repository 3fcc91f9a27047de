using System.Text.Json;
using System.Text.Unicode;
using Sana.Storage.Sources;

namespace Sana.Curation.Shards.Validation;

/// <summary>Json of others: bounded in bytes and depth, and never an exception.</summary>
internal static class BoundedJson
{
    private const int MostMegabytes = 64;

    /// <summary>A file's content; null and why when it is not there as json. A byte order mark is a fault: Python's reader of text files stops at it.</summary>
    public static async Task<(JsonDocument? Json, string? Fault)> File(ISourceFiles files, string name, CancellationToken cancellationToken)
    {
        try
        {
            await using var stream = await files.Open(name, cancellationToken);
            if (stream is null)
                return (null, "it is gone");
            if (stream.Length > MostMegabytes * 1024L * 1024)
                return (null, $"it has {stream.Length} bytes; up to {MostMegabytes} MB are read");
            var bytes = new byte[stream.Length];
            await stream.ReadExactlyAsync(bytes, cancellationToken);
            return bytes.AsSpan().StartsWith("\uFEFF"u8) ? (null, "it begins with a byte order mark, which Python's json does not take") : Parse(bytes);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return (null, "it cannot be read to its end");
        }
    }

    /// <summary>The content of bytes. Every name and text in it can be read: half a surrogate pair is a fault of the whole.</summary>
    public static (JsonDocument? Json, string? Fault) Parse(ReadOnlyMemory<byte> bytes)
    {
        if (!Utf8.IsValid(bytes.Span))
            return (null, "it is not UTF-8");
        JsonDocument? json = null;
        try
        {
            json = JsonDocument.Parse(bytes);
            if (bytes.Span.IndexOf("\\ud"u8) >= 0 || bytes.Span.IndexOf("\\uD"u8) >= 0)
                ReadTexts(json.RootElement);
            if (json.RootElement.ValueKind == JsonValueKind.Object)
                return (json, null);
            json.Dispose();
            return (null, "it is no object");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            json?.Dispose();
            return (null, e is JsonException ? "it is not valid json" : "it has half a surrogate pair");
        }
    }

    private static void ReadTexts(JsonElement json)
    {
        switch (json.ValueKind)
        {
            case JsonValueKind.String:
                _ = json.GetString();
                break;
            case JsonValueKind.Object:
                foreach (var member in json.EnumerateObject())
                {
                    _ = member.Name;
                    ReadTexts(member.Value);
                }

                break;
            case JsonValueKind.Array:
                foreach (var item in json.EnumerateArray())
                    ReadTexts(item);
                break;
        }
    }
}
