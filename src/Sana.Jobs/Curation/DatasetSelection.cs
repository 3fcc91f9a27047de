using System.Text.Json;
using Sana.Curation.Selection;
using Sana.Curation.Shards;
using Sana.Curation.Shards.Validation;
using Sana.Inference.Imaging;
using Sana.Storage.Blobs;
using Sana.Storage.Sources;

namespace Sana.Jobs.Curation;

/// <summary>Chooses again among the captions of a finished dataset, without asking or scoring anything again.</summary>
public static class DatasetSelection
{
    /// <summary>Writes the new choice beside the shards, under a label of its own, and its tables to <c>selections/{label}/</c>.</summary>
    /// <param name="blobs">Where the dataset is.</param>
    /// <param name="dataset">Its name.</param>
    /// <param name="version">Its version; null for the last finished one (v1, v2 …).</param>
    /// <param name="label">What the new choice is called.</param>
    /// <param name="change">The new options, from those of the dataset.</param>
    /// <param name="cancellationToken">Stops the run.</param>
    /// <exception cref="SanaException">There is no such dataset, or it is not finished.</exception>
    /// <exception cref="Sana.Curation.CurationException">An option or the label cannot be used.</exception>
    public static async Task<SelectionSummary> Run(
        IBlobs blobs, string dataset, string? version, string label, Func<SelectionOptions, SelectionOptions> change, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(blobs);
        ArgumentNullException.ThrowIfNull(change);
        version ??= (await CurationSubmission.NextVersion(blobs, dataset, cancellationToken)).Since;
        var names = new DatasetNames(dataset, version ?? "v1");
        var json = await blobs.Read(names.Manifest, cancellationToken)
            ?? throw new SanaException($"{blobs.Place} has no finished dataset {dataset} {version}; sana curate makes one.");
        var manifest = JsonSerializer.Deserialize(json, CurateJson.Readable.DatasetManifest)!;
        var options = Resolved(manifest.Config, change(manifest.Config.Selection with { Scorer = manifest.Config.Scorer?.Name }));
        var reselection = new Reselection(SettingsOf(manifest, options), label, options.Scorer == manifest.Config.Scorer?.Name ? null : options.Scorer);

        var shards = new ReselectedShard[manifest.Shards.Count];
        await Parallel.ForEachAsync(Enumerable.Range(0, shards.Length), new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount, CancellationToken = cancellationToken }, async (shard, cancellation) =>
        {
            var name = $"{names.Shards}/{new ShardNames(shard).Parquet}";
            await using var index = await blobs.Open(name, cancellation) ?? throw new SanaException($"{blobs.Place} has no {name}; curate the dataset again.");
            shards[shard] = await reselection.Run(shard, index, blobs, $"{names.Shards}/", names.SelectionTables(label), cancellation);
        });

        var summary = new SelectionSummary(
            dataset,
            names.Version,
            label,
            options,
            shards.Sum(shard => (long)shard.Rows),
            shards.Sum(shard => (long)shard.Selected),
            shards.Sum(shard => (long)shard.Changed),
            shards.Sum(shard => (long)shard.Dropped),
            shards.Sum(shard => (long)shard.Returning),
            new SortedDictionary<string, long>(shards.SelectMany(shard => shard.Labels).GroupBy(each => each.Key).ToDictionary(group => group.Key, group => group.Sum(each => (long)each.Value)), StringComparer.Ordinal));
        await blobs.Put(names.Selection(label), JsonSerializer.SerializeToUtf8Bytes(summary, CurateJson.Readable.SelectionSummary), cancellationToken);
        await DatasetCards.Write(blobs, names, manifest, cancellationToken);
        return summary;
    }

    // By whose scores, and from which of them on where nobody said.
    private static SelectionOptions Resolved(DatasetConfig config, SelectionOptions options)
    {
        ScorerCard[] cards = [.. (config.OtherScorers ?? []).Prepend(config.Scorer).OfType<ScorerCard>()];
        if (options.Scorer is not { } name)
            return options;
        return Array.Find(cards, card => card.Name == name) is { } found ? options.For(found.Kind)
            : throw new Sana.Curation.CurationException($"The dataset has no scores by '{name}'; it has {(cards.Length == 0 ? "none" : $"those by {string.Join(" and ", cards.Select(card => card.Name))}")}.");
    }

    private static ShardSettings SettingsOf(DatasetManifest manifest, SelectionOptions options) => new()
    {
        ImageExtension = manifest.Config.Ingest.Output.Extension()[1..],
        Labels = [.. manifest.Config.Captioners.Select(captioner => captioner.Label)],
        Scorer = options.Scorer ?? manifest.Config.Scorer?.Name,
        Selection = options,
        RunId = $"{manifest.Dataset}/{manifest.Version}",
        PipelineVersion = manifest.Tool,
    };
}

/// <summary>What choosing again came to.</summary>
/// <param name="Dataset">The dataset's name.</param>
/// <param name="Version">Its version.</param>
/// <param name="Label">What the new choice is called in sidecars and table.</param>
/// <param name="Options">How it was made.</param>
/// <param name="Rows">Rows of the index.</param>
/// <param name="Selected">Samples that have a caption.</param>
/// <param name="Changed">Samples whose caption is another now.</param>
/// <param name="Dropped">Images below the image threshold.</param>
/// <param name="Returning">Images that only curating again would bring back.</param>
/// <param name="Labels">Samples by the label of their caption.</param>
public sealed record SelectionSummary(
    string Dataset, string Version, string Label, SelectionOptions Options, long Rows, long Selected, long Changed, long Dropped, long Returning, IReadOnlyDictionary<string, long> Labels);

/// <summary>Looks at shards as Sana's loader does, ours or anybody's.</summary>
public static class DatasetValidation
{
    /// <summary>What the loader would refuse, ignore or replace.</summary>
    /// <param name="place">Folder or prefix that holds the tars.</param>
    /// <param name="captionSuffixes">As in <c>external_caption_suffixes</c>; null takes those that are there.</param>
    /// <param name="scoreSuffixes">As in <c>external_clipscore_suffixes</c>; null takes those that are there.</param>
    /// <param name="cancellationToken">Stops the reading.</param>
    /// <exception cref="SanaException">There is no such place.</exception>
    /// <exception cref="Sana.Curation.CurationException">It cannot be read, or has no tars.</exception>
    public static async Task<LoaderReport> Run(string place, IReadOnlyList<string>? captionSuffixes, IReadOnlyList<string>? scoreSuffixes, CancellationToken cancellationToken)
    {
        var source = await SourcePlace.Open(place, LinkRule.All, cancellationToken);
        if (source.Path is not null)
            throw new SanaException($"'{place}' is a file; give the folder that holds the tars.");
        return await SanaLoader.Check(source.Files, new LoaderOptions { CaptionSuffixes = captionSuffixes, ScoreSuffixes = scoreSuffixes, Place = place }, cancellationToken);
    }
}
