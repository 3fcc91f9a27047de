using System.Globalization;

namespace Sana.Curation.Shards;

/// <summary>The names of a shard's files.</summary>
/// <param name="Shard">From 0.</param>
public readonly record struct ShardNames(int Shard)
{
    /// <summary>Name of the dataset's list of shards, which Sana's loader opens.</summary>
    public const string WidsMeta = "wids-meta.json";

    /// <summary>The images, captions and facts.</summary>
    public string Tar => Prefix + ".tar";

    /// <summary>All rows as a table.</summary>
    public string Parquet => Prefix + ".parquet";

    /// <summary>All rows as lines.</summary>
    public string Lines => Prefix + ".jsonl";

    /// <summary>Written last: its presence says that the shard is complete.</summary>
    public string Stats => Prefix + "_stats.json";

    private string Prefix => Shard.ToString("00000", CultureInfo.InvariantCulture);

    /// <summary>The captions of one captioner.</summary>
    public string Captions(string label) => $"{Prefix}_{label}.json";

    /// <summary>The scores of one captioner's captions; <c>prompt</c> for those of the sample's own.</summary>
    public string Scores(string label) => $"{Prefix}_{label}_clip_score.json";
}
