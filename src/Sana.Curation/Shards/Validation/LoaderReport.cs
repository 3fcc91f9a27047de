using Sana.Curation.Sources;

namespace Sana.Curation.Shards.Validation;

/// <summary>How bad a finding is.</summary>
public enum LoaderSeverity
{
    /// <summary>The loader takes something else than what stands there, or passes over it, without a word.</summary>
    Warning,

    /// <summary>Samples are lost, or loading fails.</summary>
    Error,
}

/// <summary>One thing that Sana's loaders would do to a shard without saying so.</summary>
/// <param name="Severity">How bad it is.</param>
/// <param name="Code">A short name for programs: <c>missing_prompt</c>, <c>score_without_label</c> …</param>
/// <param name="Shard">The tar or file; null for the dataset.</param>
/// <param name="Key">The first sample it befalls; null where it is not of a sample.</param>
/// <param name="Count">How many times it was found in the shard.</param>
/// <param name="Message">What is there and what the loader makes of it.</param>
public sealed record LoaderFinding(LoaderSeverity Severity, string Code, string? Shard, string? Key, int Count, string Message);

/// <summary>What Sana's loaders would make of a dataset.</summary>
public sealed record LoaderReport
{
    /// <value>Tars looked at.</value>
    public required int Shards { get; init; }

    /// <value>Samples that load: image, json, sizes and prompt.</value>
    public required long Samples { get; init; }

    /// <value>Suffixes of captions, to stand in <c>external_caption_suffixes</c>.</value>
    public required IReadOnlyList<string> CaptionSuffixes { get; init; }

    /// <value>Suffixes of scores, to stand in <c>external_clipscore_suffixes</c>.</value>
    public required IReadOnlyList<string> ScoreSuffixes { get; init; }

    /// <value>How many samples have a score that counts, by label: what the loader draws from.</value>
    public required IReadOnlyDictionary<string, long> Labels { get; init; }

    /// <value>By shard, the dataset's own first.</value>
    public required IReadOnlyList<LoaderFinding> Findings { get; init; }

    /// <summary>Whether nothing is lost.</summary>
    public bool Loads => Findings.All(finding => finding.Severity != LoaderSeverity.Error);
}

/// <summary>How the loader is configured.</summary>
public sealed record LoaderOptions
{
    /// <value><c>external_caption_suffixes</c>; null for every suffix that the folder has. Default null.</value>
    public IReadOnlyList<string>? CaptionSuffixes { get; init; }

    /// <value><c>external_clipscore_suffixes</c>; null for every suffix that the folder has. Default null.</value>
    public IReadOnlyList<string>? ScoreSuffixes { get; init; }

    /// <value>Path of the folder as the loader will be given it, of which the loader replaces every <c>.tar</c>. Default none.</value>
    public string Place { get; init; } = "";
}

/// <summary>LoaderFindings, told once for each shard and kind, with the first sample and how many there are. Bounded whatever a dataset holds.</summary>
internal sealed class LoaderFindings
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
