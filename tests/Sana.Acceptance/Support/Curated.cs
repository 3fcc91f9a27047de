using System.Text.Json;
using Sana.Curation;
using Sana.Jobs.Curation;

namespace Sana.Acceptance.Support;

/// <summary>A dataset that <c>sana curate</c> wrote to a folder.</summary>
internal sealed class Curated(string place, string dataset, string version)
{
    private static readonly JsonSerializerOptions _json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    public string File(string name) => Path.Combine(place, "datasets", dataset, version, name);

    /// <summary>All rows of all shards; none when nothing was written.</summary>
    public List<IndexRow> Rows() => !Directory.Exists(File("shards")) ? [] : [.. Directory.GetFiles(File("shards"), "?????.jsonl").Order(StringComparer.Ordinal)
        .SelectMany(System.IO.File.ReadLines)
        .Select(line => JsonSerializer.Deserialize<IndexRow>(line, _json)!)];

    /// <summary>Where the bytes of a rejected image lie.</summary>
    public string Quarantined(IndexRow row) => Path.Combine(place, "quarantine", row.Reason!, row.Sha256![..2], row.Sha256);
}
