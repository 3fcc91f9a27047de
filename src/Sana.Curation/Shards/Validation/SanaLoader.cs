using System.IO.Hashing;
using System.Runtime.InteropServices;
using Sana.Curation.Sources;
using Sana.Storage.Sources;

namespace Sana.Curation.Shards.Validation;

/// <summary>
/// Loads a dataset by the rules of Sana's own loaders (<c>SanaWebDatasetMS</c>, <c>SanaWebDataset</c> and the wids reader below them) and tells what these do without a word:
/// samples they replace by others, labels and scores they pass over, captions they fall back from. Takes datasets of anyone; nothing in them throws.
/// </summary>
public sealed class SanaLoader
{
    private const string ScoreEnding = "_clip_score";

    private readonly Findings _findings = new();
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
        await foreach (var file in _files.List(cancellationToken))
            listing[file.Name] = file.Length;
        var listed = await WidsList.Read(_files, listing, _findings, cancellationToken);
        var tars = listing.Keys.Where(name => (FileNames.Kind(name) == FileKind.Tar && !name.Contains('/', StringComparison.Ordinal)) || listed.ContainsKey(name)).Order(StringComparer.Ordinal).ToArray();
        foreach (var packed in listing.Keys.Where(name => FileNames.Kind(name) == FileKind.PackedTar))
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
            ? $"The list says {said} samples and the tar has {found}; those beyond fail, and others take their place."
            : $"The list says {said} samples and the tar has {found}; the last {found - said} are never read.");
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
