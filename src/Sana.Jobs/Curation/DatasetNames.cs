using System.Globalization;

namespace Sana.Jobs.Curation;

/// <summary>The names of a dataset's blobs. What is under <c>datasets/</c> is a function of source and configuration; <c>work/</c> is how it came about and may be deleted when it is done.</summary>
internal sealed record DatasetNames(string Dataset, string Version)
{
    private string Root => $"datasets/{Dataset}/{Version}";

    /// <summary>How every dataset came about.</summary>
    public const string AllWork = "work/datasets/";

    private string Work => $"{AllWork}{Dataset}/{Version}";

    public string Config => $"{Root}/config.json";

    public string Manifest => $"{Root}/manifest.json";

    /// <summary>Counts over all rows, which the dataset card quotes.</summary>
    public string Stats => $"{Root}/stats.json";

    /// <summary>The dataset card.</summary>
    public string Card => $"{Root}/README.md";

    /// <summary>What the names of all later choices begin with.</summary>
    public string Selections => $"{Root}/selections/";

    public string Selection(string label) => $"{Selections}{label}.json";

    /// <summary>What the names of the tables of a later choice begin with.</summary>
    public string SelectionTables(string label) => $"{Selections}{label}/";

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

    /// <param name="shard">From 0.</param>
    /// <param name="scorer">Name of a further scorer; null for the one that is chosen by.</param>
    public string Embeddings(int shard, string? scorer) => $"{Work}/embeddings/{Five(shard)}{(scorer is null ? "" : $"_{scorer}")}.f32";

    public string Timing(string stage, int shard) => $"timings/datasets/{Dataset}/{Version}/{stage}/{Five(shard)}.json";

    public static string Five(int shard) => shard.ToString("00000", CultureInfo.InvariantCulture);
}

/// <summary>Names of what datasets share: results that follow from an image's bytes and the question, so that no run pays for them twice.</summary>
internal static class SharedNames
{
    /// <summary>Normalised images, which are made again where they are missing.</summary>
    public const string Images = "cache/images/";

    /// <summary>Answers of captioners, which may have cost money.</summary>
    public const string Captions = "cache/captions/";

    /// <summary>Files that are no image, as they came.</summary>
    public const string Quarantined = "quarantine/";

    public static string Image(string ingest, string sha256, string extension) => $"{Images}{ingest}/{sha256[..2]}/{sha256}{extension}";

    public static string Caption(string captioner, string sha256) => $"{Captions}{captioner}/{sha256[..2]}/{sha256}.json";

    public static string Quarantine(string reason, string sha256) => $"{Quarantined}{reason}/{sha256[..2]}/{sha256}";
}
