using System.IO.Hashing;
using System.Runtime.InteropServices;
using System.Text.Json;
using Sana.Curation.Sources;
using Sana.Storage;
using Sana.Storage.Sources;

namespace Sana.Curation.Shards.Validation;

/// <summary>
/// Loads a dataset by the rules of Sana's own loaders (<c>SanaWebDatasetMS</c>, <c>SanaWebDataset</c> and the wids reader below them) and tells what these do
/// without a word: samples they replace by others, labels and scores they pass over, captions they fall back from. Takes datasets of anyone; nothing in them
/// throws.
/// </summary>
public sealed class SanaLoader
{
    private const string ScoreEnding = "_clip_score";

    private readonly LoaderFindings _findings = new();
    private readonly LoaderOptions _options;
    private readonly ISourceFiles _files;

    private SanaLoader(ISourceFiles files, LoaderOptions options) => (_files, _options) = (files, options);

    /// <summary>Looks at every shard of a folder.</summary>
    /// <param name="files">The folder with <c>wids-meta.json</c> and the tars.</param>
    /// <param name="options">How the loader is configured.</param>
    /// <param name="cancellationToken">Stops between samples.</param>
    /// <exception cref="CurationException">The folder cannot be listed or read.</exception>
    public static Task<LoaderReport> Check(ISourceFiles files, LoaderOptions options, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(files);
        ArgumentNullException.ThrowIfNull(options);
        return new SanaLoader(files, options).Run(cancellationToken);
    }

    private async Task<LoaderReport> Run(CancellationToken cancellationToken)
    {
        // 1. What is there, and what the loader's list says is there.
        var listing = new Dictionary<string, long>(StringComparer.Ordinal);
        await foreach (var file in _files.List(cancellationToken).Where(file => file.LeftOut is null))
            listing[file.Name] = file.Length;
        var listed = await WidsList.Read(_files, listing, _findings, cancellationToken);
        var tars = listing.Keys.Where(name => (FileNames.Kind(name) == FileKind.Tar && !name.Contains('/', StringComparison.Ordinal)) || listed.ContainsKey(name)).Order(StringComparer.Ordinal).ToArray();
        foreach (var packed in listing.Keys.Where(name => FileNames.Kind(name) is FileKind.PackedTar or FileKind.GzipTar))
            _findings.Error("packed_tar", packed, null, "The tar is packed; members are read where they lie, so unpack it to a plain .tar.");
        var suffixes = new SidecarNames(tars, listing.Keys);
        var captions = _options.CaptionSuffixes ?? suffixes.Captions;
        var scores = _options.ScoreSuffixes ?? suffixes.Scores;

        // 2. Shard by shard, in bounded memory: all that is kept of a shard is a hash of each key.
        var (keys, labels, samples, extensions) = (new HashSet<UInt128>(), new SortedDictionary<string, long>(StringComparer.Ordinal), 0L, new SortedSet<string>(StringComparer.Ordinal));
        foreach (var tar in tars)
        {
            Path(tar);
            if (await new TarReading(_findings).Read(_files, tar, cancellationToken) is not { } shard)
                continue;
            Number(shard, listed);
            await Sidecars(shard, captions, scores, listing, cancellationToken);
            foreach (var (key, sample) in shard.Samples)
            {
                if (!keys.Add(XxHash128.HashToUInt128(MemoryMarshal.AsBytes(key.AsSpan()))))
                    _findings.Error("duplicate_key", tar, key, "A key stands in another shard too; keys are unique in the whole dataset.");
                samples += sample.Loads ? 1 : 0;
                foreach (var label in sample.Scored)
                    labels[label] = labels.GetValueOrDefault(label) + 1;
                extensions.UnionWith(sample.Members.Keys.Where(suffix => suffix is ".jpg" or ".png"));
            }
        }

        if (extensions.Count > 1)
            _findings.Warning("mixed_extensions", null, null, $"Images end in {string.Join(" and ", extensions)}; readers that make columns of endings see nulls.");
        return new LoaderReport { Shards = tars.Length, Samples = samples, CaptionSuffixes = captions, ScoreSuffixes = scores, Labels = labels, Findings = _findings.All() };
    }

    private void Path(string tar)
    {
        var path = $"{_options.Place.TrimEnd('/')}/{tar}";
        if (path[..^".tar".Length].Contains(".tar", StringComparison.Ordinal) || !tar.EndsWith(".tar", StringComparison.Ordinal))
            _findings.Error("tar_in_path", tar, null, "The loader finds sidecars by replacing every '.tar' of the whole path; this path has another, so none is found. Rename the folder or file.");
    }

    private void Number(LoadedShard shard, Dictionary<string, long> listed)
    {
        var found = shard.Samples.Count;
        if (!listed.TryGetValue(shard.Tar, out var said) || said == found)
            return;
        _findings.Error("wrong_nsamples", shard.Tar, null, said > found
            ? $"The list says {Counted.Of(said, "sample")} and the tar has {found}; those beyond fail, and others take their place."
            : $"The list says {Counted.Of(said, "sample")} and the tar has {found}; the last {Counted.Of(found - said, "is", "are")} never read.");
    }

    private async Task Sidecars(LoadedShard shard, IReadOnlyList<string> captions, IReadOnlyList<string> scores, Dictionary<string, long> listing, CancellationToken cancellationToken)
    {
        var reading = new SidecarReading(_files, _findings);
        foreach (var suffix in captions)
        {
            if (File(suffix) is { } name)
                await reading.Captions(shard, name, suffix, cancellationToken);
        }

        foreach (var suffix in scores)
        {
            if (File(suffix) is { } name)
                await reading.Scores(shard, name, suffix, cancellationToken);
        }

        if (File($"_{Candidate.OriginalLabel}{ScoreEnding}", isNeeded: false) is { } prompts)
            await reading.PromptScores(shard, prompts, cancellationToken);
        else if (scores.Count > 0 && shard.Samples.FirstOrDefault(sample => sample.Value.HasOriginal) is { Key: { } original })
            _findings.Warning("prompt_never_drawn", shard.Tar, original, $"Samples have original captions, and there is no {shard.Tar.Replace(".tar", $"_{Candidate.OriginalLabel}{ScoreEnding}.json", StringComparison.Ordinal)}; the loader draws among the other captions alone.");
        if (scores.Count == 0)
            return;
        foreach (var (key, _) in shard.Samples.Where(sample => sample.Value.Scored.Count == 0))
            _findings.Warning("falls_back", shard.Tar, key, "A sample has no score that counts; the loader takes its 'prompt' with score 0.");

        string? File(string suffix, bool isNeeded = true)
        {
            var name = shard.Tar.Replace(".tar", $"{suffix}.json", StringComparison.Ordinal);
            if (listing.ContainsKey(name))
                return name;
            if (isNeeded)
                _findings.Warning("missing_sidecar", shard.Tar, null, $"There is no {name}; the loader goes on without.", suffix);
            return null;
        }
    }
}

/// <summary>The suffixes of the json files beside tars: what could stand in the loader's configuration.</summary>
internal sealed class SidecarNames
{
    private const string ScoreEnding = "_clip_score";
    private const int Most = 100;

    public SidecarNames(IReadOnlyList<string> tars, IEnumerable<string> files)
    {
        var stems = tars.Select(FileNames.Stem).ToHashSet(StringComparer.Ordinal);
        var suffixes = files.Where(file => FileNames.Kind(file) == FileKind.CaptionJson)
            .Select(file => Suffix(FileNames.Stem(file), stems))
            .OfType<string>().Where(suffix => suffix != "_stats").Distinct().Order(StringComparer.Ordinal).Take(Most).ToArray();
        Captions = [.. suffixes.Where(suffix => !suffix.EndsWith(ScoreEnding, StringComparison.Ordinal))];
        Scores = [.. suffixes.Where(suffix => suffix.EndsWith(ScoreEnding, StringComparison.Ordinal))];
    }

    public IReadOnlyList<string> Captions { get; }

    public IReadOnlyList<string> Scores { get; }

    /// <summary>What follows the longest stem that a file begins with; null when it begins with none.</summary>
    private static string? Suffix(string file, HashSet<string> stems)
    {
        if (stems.Contains(file))
            return "";
        for (var at = file.LastIndexOf('_'); at > 0; at = file.LastIndexOf('_', at - 1))
        {
            if (stems.Contains(file[..at]))
                return file[at..];
        }

        return null;
    }
}

/// <summary>A shard as the loader indexes it.</summary>
/// <param name="Tar">Its name in the folder.</param>
/// <param name="Samples">By key: the loader puts all members of a key together, wherever they stand.</param>
internal sealed record LoadedShard(string Tar, Dictionary<string, LoadedSample> Samples);

/// <summary>A sample of a shard.</summary>
internal sealed class LoadedSample
{
    /// <summary>Members by suffix as it is spelled: the loader knows <c>.jpg</c>, not <c>.JPG</c>.</summary>
    public Dictionary<string, (long Offset, long Length)> Members { get; } = new(StringComparer.Ordinal);

    /// <summary>What the loader calls <c>info</c>: names of the json's members, then the labels of sidecars.</summary>
    public HashSet<string> Info { get; } = new(StringComparer.Ordinal);

    /// <summary>Whether it has image, json, sizes and prompt.</summary>
    public bool Loads { get; set; }

    /// <summary>Its json says by <c>prompt_label</c> that <c>prompt</c> is the caption that came with the image.</summary>
    public bool HasOriginal { get; set; }

    /// <summary>Labels with a score that counts.</summary>
    public HashSet<string> Scored { get; } = new(StringComparer.Ordinal);
}

/// <summary>The list of tars that the loader opens.</summary>
internal static class WidsList
{
    /// <summary>Number of samples by tar, as far as the list can be used.</summary>
    public static async Task<Dictionary<string, long>> Read(ISourceFiles files, IReadOnlyDictionary<string, long> listing, LoaderFindings findings, CancellationToken cancellationToken)
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
