using System.Text.Json;

namespace Sana.Curation.Shards;

/// <summary><c>{shard}_stats.json</c>: what is in a shard. Written last, so its presence says that the shard is complete; it holds no times, so it is the same whenever it is written.</summary>
public sealed record ShardStats
{
    /// <value>What the file is: <c>sana.shard/1</c>.</value>
    public string Schema { get; init; } = "sana.shard/1";

    /// <value>The shard, from 0.</value>
    public required int Shard { get; init; }

    /// <value>Rows.</value>
    public required int Count { get; init; }

    /// <value>Samples in the tar.</value>
    public required int Successes { get; init; }

    /// <value>Rows by status.</value>
    public required IReadOnlyDictionary<string, int> Status { get; init; }

    /// <value>Rows that are not in the tar, by reason.</value>
    public required IReadOnlyDictionary<string, int> Reasons { get; init; }

    /// <value>Samples by the label of their chosen caption.</value>
    public required IReadOnlyDictionary<string, int> CaptionLabels { get; init; }

    /// <value>Every other file of the shard, the tar first.</value>
    public required IReadOnlyList<ShardFile> Files { get; init; }

    /// <value>What the shard was made of.</value>
    public required HashChain Chain { get; init; }

    /// <summary>Reads the file.</summary>
    /// <exception cref="CurationException">It is damaged or of another kind.</exception>
    public static ShardStats Parse(ReadOnlySpan<byte> bytes)
    {
        try
        {
            if (JsonSerializer.Deserialize(bytes, CurationJson.Lines.ShardStats) is { Schema: "sana.shard/1" } stats)
                return stats;
        }
        catch (JsonException e)
        {
            throw new CurationException($"The shard's stats are not readable: {e.Message} Delete the file and run the dataset again.", e);
        }

        throw new CurationException("The shard's stats are not sana.shard/1; read them with the version that wrote them.");
    }

    /// <summary>The file's content.</summary>
    public byte[] Bytes() => CanonicalJson.Bytes(JsonSerializer.SerializeToNode(this, CurationJson.Lines.ShardStats));

    internal static ShardStats Of(int shard, IReadOnlyList<IndexRow> rows, IReadOnlyList<ShardFile> files)
    {
        var samples = rows.Where(row => row.Status == RowStatus.Success).ToArray();
        return new ShardStats
        {
            Shard = shard,
            Count = rows.Count,
            Successes = samples.Length,
            Status = Histogram(rows.Select(row => row.Status)),
            Reasons = Histogram(rows.Where(row => row.Status != RowStatus.Success).Select(row => row.Reason ?? "unknown")),
            CaptionLabels = Histogram(samples.Select(row => row.CaptionLabel!)),
            Files = files,
            Chain = HashChain.Of(rows, files),
        };
    }

    private static SortedDictionary<string, int> Histogram(IEnumerable<string> values) =>
        new(values.CountBy(value => value).ToDictionary(), StringComparer.Ordinal);
}
