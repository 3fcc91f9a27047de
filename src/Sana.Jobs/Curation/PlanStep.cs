using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Sana.Curation.Sources;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Curation;

/// <summary>Lists the source, cuts it into shards, and claims the version for exactly these items and settings.</summary>
internal sealed class PlanStep(IBlobs blobs, OpenDatasets datasets)
{
    public async Task<DatasetPlan> Run(CurateRequest request, CancellationToken cancellationToken)
    {
        using var lease = await datasets.Open(request.Job, cancellationToken);
        var dataset = lease.Dataset;
        var isClaimed = await blobs.Exists(dataset.Names.Config, cancellationToken);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var (shards, items, disk, tally) = (0, 0L, new DiskNeed(dataset.Settings.Ingest.Output), new SourceTally());
        await foreach (var (list, some) in ItemList.Shards(dataset.Source, dataset.Settings, hash, tally, cancellationToken))
        {
            // A version that stands for other items is refused below; its lists are not touched.
            var name = dataset.Names.Items(shards);
            if (isClaimed)
                await blobs.PutIfAbsent(name, list, cancellationToken);
            else
                await blobs.PutOrRepair(name, list, cancellationToken);
            (shards, items) = (shards + 1, items + some.Count);
            disk.Add(some);
        }

        var facts = tally.Facts with { NormalisedBytes = disk.Bytes };
        if (items == 0)
            throw new UnusableJobException($"There is nothing in the source '{dataset.Job.Source}' that is an image or a list of images{facts.Rest}; give a folder or container with images, a tar or a manifest.");
        await blobs.Put(dataset.Names.Source, JsonSerializer.SerializeToUtf8Bytes(facts, CurateJson.Readable.SourceFacts), cancellationToken);
        await blobs.Put(dataset.Names.Stamp, Encoding.ASCII.GetBytes(tally.Stamp), cancellationToken);
        await Claim(dataset, items, Convert.ToHexStringLower(hash.GetHashAndReset()), cancellationToken);
        return new DatasetPlan(shards, items, dataset.Labels, dataset.IsScored);
    }

    private async Task Claim(OpenDataset dataset, long items, string itemsSha256, CancellationToken cancellationToken)
    {
        var config = dataset.Config(items, itemsSha256);
        var json = JsonSerializer.SerializeToUtf8Bytes(config, CurateJson.Readable.DatasetConfig);
        await blobs.PutIfAbsent(dataset.Names.Config, json, cancellationToken);
        var there = await blobs.Read(dataset.Names.Config, cancellationToken);
        if (json.AsSpan().SequenceEqual(there))
            return;
        var claimed = JsonSerializer.Deserialize(there, CurateJson.Readable.DatasetConfig)!;
        var how = ResultSettings.Difference(ResultSettings.Of(claimed), ResultSettings.Of(config)) is { } difference ? $"with {difference}"
            : (claimed.Source, claimed.ItemsSha256) != (config.Source, config.ItemsSha256) ? "from other files"
            : null;
        if (how is not null)
            throw new UnusableJobException($"Dataset {dataset.Job.Dataset} {dataset.Job.Version} in {blobs.Place} was made {how}; give it another version.");
    }
}
