using System.Globalization;
using Sana.Curation;
using Sana.Curation.Shards;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Curation;

/// <summary>The names of a dataset's blobs. What is under <c>datasets/</c> is a function of source and configuration; <c>work/</c> is how it came about and may be deleted when it is done.</summary>
internal sealed record DatasetNames(string Dataset, string Version)
{
    private string Root => $"datasets/{Dataset}/{Version}";

    private string Work => $"work/datasets/{Dataset}/{Version}";

    public string Config => $"{Root}/config.json";

    public string Manifest => $"{Root}/manifest.json";

    /// <summary>Counts over all rows, which the dataset card quotes.</summary>
    public string Stats => $"{Root}/stats.json";

    /// <summary>The dataset card.</summary>
    public string Card => $"{Root}/README.md";

    /// <summary>What the names of all later choices begin with.</summary>
    public string Selections => $"{Root}/selections/";

    public string Selection(string label) => $"{Selections}{label}.json";

    /// <summary>The first shard's table of a later choice, from the version's folder.</summary>
    public static string SelectionTables(string label) => $"shards/{new ShardNames(0).Table(label)}";

    public string Report => $"{Root}/report.html";

    /// <summary>Hashes of everything that this version and those before it hold, 16 bytes each, sorted.</summary>
    public string Hashes => $"{Root}/hashes.bin";

    /// <summary>Which captions the images of this version and those before it had in their sources, 16 bytes each, sorted.</summary>
    public string CaptionHashes => $"{Root}/captions.bin";

    public string Shards => $"{Root}/shards";

    public string Removed(string reason, int shard) => $"{Root}/removed/{reason}/{Five(shard)}.jsonl";

    /// <summary>What the source is, what it has, and what of it was left out.</summary>
    public string Source => $"{Work}/source.json";

    /// <summary>When the files of the source were last changed, as a hash.</summary>
    public string Stamp => $"{Work}/stamp.txt";

    /// <summary>Says that the version came out without an image, so that it was not published: the name of its job.</summary>
    public string Empty => $"{Work}/empty.txt";

    public string Items(int shard) => $"{Work}/items/{Five(shard)}.jsonl";

    public string Ingested(int shard) => $"{Work}/ingested/{Five(shard)}.jsonl";

    public string Linked(int shard) => $"{Work}/linked/{Five(shard)}.jsonl";

    public string Captions(int shard, string label) => $"{Work}/captions/{Five(shard)}_{label}.jsonl";

    public string Usage(int shard, string label) => $"{Work}/usage/{Five(shard)}_{label}.json";

    public string Scores(int shard) => $"{Work}/scores/{Five(shard)}.jsonl";

    public string Embeddings(int shard) => $"{Work}/embeddings/{Five(shard)}.f32";

    public string Timing(string stage, int shard) => $"timings/datasets/{Dataset}/{Version}/{stage}/{Five(shard)}.json";

    public static string Five(int shard) => shard.ToString("00000", CultureInfo.InvariantCulture);
}

/// <summary>Names of what datasets share: results that follow from an image's bytes and the question, so that no run pays for them twice.</summary>
internal static class SharedNames
{
    public static string Image(string ingest, string sha256, string extension) => $"cache/images/{ingest}/{sha256[..2]}/{sha256}{extension}";

    public static string Caption(string captioner, string sha256) => $"cache/captions/{captioner}/{sha256[..2]}/{sha256}.json";

    public static string Quarantine(string reason, string sha256) => $"quarantine/{reason}/{sha256[..2]}/{sha256}";
}

/// <summary>The normalised images of a dataset, which captioners, CLIP and shards read.</summary>
internal static class NormalisedImages
{
    /// <exception cref="SanaException">Somebody removed it.</exception>
    public static async Task<byte[]> ReadImage(this IBlobs blobs, OpenDataset dataset, IndexRow row, CancellationToken cancellationToken) =>
        await blobs.Read(dataset.ImageName(row.Sha256!), cancellationToken)
        ?? throw new SanaException($"{blobs.Place} has no {dataset.ImageName(row.Sha256!)}; it was removed while the run went on. Give the dataset another version.");
}
