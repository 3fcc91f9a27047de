using System.Text.RegularExpressions;
using Sana.Curation.Shards;
using Sana.Storage.Hub;

namespace Sana.Jobs.Curation;

/// <summary>
/// Pushes a finished version of a dataset to a dataset repository of the Hugging Face Hub: the shards with their captions and scores, the Parquet index, the
/// tables of later choices, and the dataset card. What tells of the machine that made it stays: configuration, manifest, report, hashes for later versions.
/// </summary>
public static partial class DatasetPush
{
    private const string Card = "README.md";
    private const string Selections = "selections/";

    /// <summary>Pushes it.</summary>
    /// <param name="dataset">Name or place, as for <see cref="DatasetExports.Find"/>.</param>
    /// <param name="version">Its version; null for the last finished one.</param>
    /// <param name="place">Where a dataset that is given by its name is.</param>
    /// <param name="target">The repository and the branch; both are made if they are missing.</param>
    /// <param name="isPrivate">Whether only some may see the repository, if it is made.</param>
    /// <param name="message">Title of the commit. Null for name and version.</param>
    /// <param name="settings">How the Hub is reached, with a token that may write.</param>
    /// <param name="progress">Hears how far it is. Null for nobody.</param>
    /// <param name="cancellationToken">Stops; the next call goes on.</param>
    /// <exception cref="SanaException">There is no such dataset, it is not whole, or the Hub does not take it.</exception>
    public static async Task<DatasetPushSummary> Run(
        string dataset, string? version, string place, HubId target, bool isPrivate, string? message, HubSettings settings, IProgress<HubProgress>? progress, CancellationToken cancellationToken)
    {
        var found = await FinishedDataset.Find(dataset, version, place, cancellationToken);
        var (name, its) = (found.Manifest.Dataset, found.Manifest.Version);
        var options = new PushOptions { Summary = message ?? $"{name} {its}", IsOurs = path => Ours().IsMatch(path), IsPrivate = isPrivate };
        return new DatasetPushSummary(name, its, await HubPush.Run(target, await Files(found, cancellationToken), options, settings, progress, cancellationToken));
    }

    private static async Task<List<PushFile>> Files(FinishedDataset dataset, CancellationToken cancellationToken)
    {
        var manifest = dataset.Manifest;
        var files = new List<PushFile>();

        // 1. What the manifest vouches for.
        foreach (var file in manifest.Shards.SelectMany(shard => shard.Files).Where(file => Ours().IsMatch($"{FinishedDataset.Shards}{file.Name}")))
            files.Add(File($"{FinishedDataset.Shards}{file.Name}", file.Bytes, file.Sha256));
        foreach (var file in manifest.Files.Where(file => file.Name.EndsWith($"/{FinishedDataset.Shards}{ShardNames.WidsMeta}", StringComparison.Ordinal)))
            files.Add(File($"{FinishedDataset.Shards}{ShardNames.WidsMeta}", file.Bytes, file.Sha256));

        // 2. Later choices: their tables, and their captions and scores beside the tars.
        var labels = new SortedSet<string>(StringComparer.Ordinal);
        await foreach (var (name, length) in dataset.List(Selections, cancellationToken))
        {
            if (!Ours().IsMatch(name))
                continue;
            files.Add(File(name, length));
            labels.Add(name.Split('/')[1]);
        }

        var known = files.Select(file => file.Path).ToHashSet(StringComparer.Ordinal);
        var chosen = labels.SelectMany(label => manifest.Shards.SelectMany(shard => new[] { new ShardNames(shard.Shard).Captions(label), new ShardNames(shard.Shard).Scores(label) }))
            .Select(name => FinishedDataset.Shards + name).Where(name => !known.Contains(name)).ToHashSet(StringComparer.Ordinal);
        await foreach (var (name, length) in dataset.List(FinishedDataset.Shards, cancellationToken).Where(file => chosen.Contains(file.Name)))
            files.Add(File(name, length));

        // 3. The card, which quotes the choices.
        await using (var card = await dataset.Open(Card, cancellationToken)
            ?? throw new SanaException($"{manifest.Dataset} {manifest.Version} has no {Card}, as versions of before had none; sana select {manifest.Dataset} --dataset-version {manifest.Version} writes it."))
            files.Add(File(Card, card.Length));
        return files;

        PushFile File(string name, long length, string? sha256 = null) => new(name, length, sha256, async token => await dataset.Open(name, token)
            ?? throw new SanaException($"{name} of {manifest.Dataset} {manifest.Version} is not there; restore it from a copy or curate the dataset again."));
    }

    // The names of what a push writes. The rows as lines are left out, since the index has them.
    [GeneratedRegex(@"^(shards/([0-9]{5,}(\.tar|\.parquet|_(?!stats\.json\z)[^/]+\.json)|wids-meta\.json)|selections/[^/]+/[0-9]{5,}\.parquet)\z", RegexOptions.CultureInvariant)]
    private static partial Regex Ours();
}

/// <summary>What a push of a dataset came to.</summary>
/// <param name="Dataset">The dataset's name.</param>
/// <param name="Version">Its version.</param>
/// <param name="Push">Where it is now, and what was sent.</param>
public sealed record DatasetPushSummary(string Dataset, string Version, PushSummary Push);
