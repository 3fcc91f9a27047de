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
