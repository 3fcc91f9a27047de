using System.Text.Json;
using Sana.Curation.Report;
using Sana.Curation.Shards;
using Sana.Inference.Imaging;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Curation;

/// <summary>Writes the dataset card of a version: when it is published, and again when captions were chosen again.</summary>
internal static class DatasetCards
{
    /// <summary>Writes <c>README.md</c> from what the version's blobs say.</summary>
    public static async Task Write(IBlobs blobs, DatasetNames names, DatasetManifest manifest, CancellationToken cancellationToken)
    {
        var card = new DatasetCard
        {
            Dataset = manifest.Dataset,
            Version = manifest.Version,
            Tool = manifest.Tool,
            Facts = await Facts(blobs, names, manifest.Shards.Count, cancellationToken),
            Shards = manifest.Shards,
            ImageExtension = manifest.Config.Ingest.Output.Extension()[1..],
            Scorer = manifest.Config.Scorer?.Name,
            OtherScorers = [.. (manifest.Config.OtherScorers ?? []).Select(card => card.Name)],
            Selection = manifest.Config.Selection,
            Selections = await Selections(blobs, names, cancellationToken),
        };
        await blobs.Put(names.Card, card.Bytes(), cancellationToken);
    }

    /// <summary>Those that were written with the version; of a version from before they were written they are counted now.</summary>
    private static async Task<DatasetFacts> Facts(IBlobs blobs, DatasetNames names, int shards, CancellationToken cancellationToken)
    {
        if (await blobs.Read(names.Stats, cancellationToken) is { } written)
            return DatasetFacts.Parse(written);
        var totals = new Totals();
        for (var shard = 0; shard < shards; shard++)
        {
            foreach (var row in await blobs.ReadLines($"{names.Shards}/{new ShardNames(shard).Lines}", CurationJson.Lines.IndexRow, cancellationToken))
                totals.Add(row);
        }

        return DatasetFacts.Of(totals);
    }

    private static async Task<IReadOnlyList<CardSelection>> Selections(IBlobs blobs, DatasetNames names, CancellationToken cancellationToken)
    {
        var selections = new List<CardSelection>();
        await foreach (var blob in blobs.List(names.Selections, cancellationToken).Where(blob => blob.Name.EndsWith(".json", StringComparison.Ordinal)))
        {
            var made = JsonSerializer.Deserialize((await blobs.Read(blob.Name, cancellationToken))!, CurateJson.Readable.SelectionSummary)!;
            selections.Add(new CardSelection(made.Label, made.Options, made.Selected, $"selections/{made.Label}/{new ShardNames(0).Parquet}"));
        }

        return selections;
    }
}
