using Sana.Curation.Sources;

namespace Sana.Curation.Shards.Validation;

/// <summary>Findings, told once for each shard and kind, with the first sample and how many there are. Bounded whatever a dataset holds.</summary>
internal sealed class Findings
{
    private const int MostKinds = 10_000;

    private readonly Dictionary<(string? Shard, string Code, string Detail), LoaderFinding> _found = [];

    /// <summary>Adds one of a sample, or counts it to the ones before it of the same shard, code and detail.</summary>
    public void Add(LoaderSeverity severity, string code, string? shard, string? key, string message, string detail = "")
    {
        ref var found = ref System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(
            _found, _found.Count < MostKinds ? (shard, code, detail) : (null, "more", ""), out var exists);
        found = exists
            ? found! with { Count = found.Count + 1 }
            : _found.Count < MostKinds
                ? new LoaderFinding(severity, code, Shown(shard), Shown(key), 1, message)
                : new LoaderFinding(LoaderSeverity.Error, "more", null, null, 1, $"There are more than {MostKinds} kinds of findings; the rest is counted here.");
    }

    public void Error(string code, string? shard, string? key, string message, string detail = "") => Add(LoaderSeverity.Error, code, shard, key, message, detail);

    public void Warning(string code, string? shard, string? key, string message, string detail = "") => Add(LoaderSeverity.Warning, code, shard, key, message, detail);

    public IReadOnlyList<LoaderFinding> All() => [.. _found.Values.OrderBy(found => found.Shard, StringComparer.Ordinal).ThenByDescending(found => found.Severity)];

    private static string? Shown(string? name) => name is null ? null : FileNames.Shown(name);
}
