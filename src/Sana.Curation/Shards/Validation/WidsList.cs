using System.Text.Json;
using Sana.Curation.Sources;
using Sana.Storage.Sources;

namespace Sana.Curation.Shards.Validation;

/// <summary>The list of tars that the loader opens.</summary>
internal static class WidsList
{
    /// <summary>Number of samples by tar, as far as the list can be used.</summary>
    public static async Task<Dictionary<string, long>> Read(ISourceFiles files, IReadOnlyDictionary<string, long> listing, Findings findings, CancellationToken cancellationToken)
    {
        var shards = new Dictionary<string, long>(StringComparer.Ordinal);
        if (!listing.ContainsKey(ShardNames.WidsMeta))
        {
            findings.Error("missing_wids_meta", null, null, $"There is no {ShardNames.WidsMeta}; the loader does not start.");
            return shards;
        }

        var (json, fault) = await BoundedJson.File(files, ShardNames.WidsMeta, cancellationToken);
        using var _ = json;
        if (json is null || !json.RootElement.TryGetProperty("shardlist", out var list) || list.ValueKind != JsonValueKind.Array)
        {
            findings.Error("unreadable_wids_meta", ShardNames.WidsMeta, null, $"{ShardNames.WidsMeta} is not a list of shards{(fault is null ? "" : $": {fault}")}; the loader does not start.");
            return shards;
        }

        foreach (var entry in list.EnumerateArray())
        {
            if (Url(entry) is not { } url || !entry.TryGetProperty("nsamples", out var count) || !count.TryGetNumber(out var samples))
                findings.Error("unreadable_wids_meta", ShardNames.WidsMeta, null, "An entry has no url or no nsamples; the loader does not start.", "entry");
            else if (!shards.TryAdd(url, samples))
                findings.Warning("listed_twice", url, null, "The tar stands twice in the list; its samples count twice.");
            else if (!listing.TryGetValue(url, out var length))
                findings.Error("missing_shard", url, null, "The tar is in the list and not in the folder.");
            else if (entry.TryGetProperty("filesize", out var size) && size.TryGetNumber(out var bytes) && bytes != length)
                findings.Warning("wrong_filesize", url, null, $"The list says {bytes} bytes; the tar has {length}.");
        }

        foreach (var tar in listing.Keys.Where(name => FileNames.Kind(name) is FileKind.Tar && !name.Contains('/', StringComparison.Ordinal) && !shards.ContainsKey(name)))
            findings.Warning("not_listed", tar, null, $"The tar is not in {ShardNames.WidsMeta}; the loader does not open it.");
        return shards;
    }

    private static string? Url(JsonElement entry) =>
        entry.ValueKind == JsonValueKind.Object && entry.TryGetProperty("url", out var url) && url.ValueKind == JsonValueKind.String ? url.GetString() : null;

    private static bool TryGetNumber(this JsonElement value, out long number)
    {
        number = 0;
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out number) && number >= 0;
    }
}
