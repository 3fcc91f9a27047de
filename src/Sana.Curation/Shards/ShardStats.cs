using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Sana.Curation.Shards;

/// <summary>
/// <c>{shard}_stats.json</c>: what is in a shard. Written last, so its presence says that the shard is complete; it holds no times, so it is the same whenever
/// it is written.
/// </summary>
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

    internal static ShardStats Compute(int shard, IReadOnlyList<IndexRow> rows, IReadOnlyList<ShardFile> files)
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
            Chain = HashChain.Compute(rows, files),
        };
    }

    private static SortedDictionary<string, int> Histogram(IEnumerable<string> values) =>
        new(values.CountBy(value => value).ToDictionary(), StringComparer.Ordinal);
}

/// <summary>A file of a shard, as manifests list it.</summary>
/// <param name="Name">Such as <c>00000.tar</c>.</param>
/// <param name="Sha256">Of its bytes, lower-case hexadecimal.</param>
/// <param name="Bytes">How long it is.</param>
/// <param name="Samples">Samples or rows that it holds.</param>
public sealed record ShardFile(string Name, string Sha256, long Bytes, int Samples);

/// <summary>
/// What a shard was made of, each link over the one before it: change an image, a caption or a score after the fact and every later link differs. SHA-256,
/// lower-case hexadecimal; fields go in as UTF-8, each behind its length in 4 bytes, little endian (−1 for null).
/// </summary>
/// <param name="Inputs">Over key, source_uri and sha256 of every row.</param>
/// <param name="Captions">Over <paramref name="Inputs"/> and key, label, model, revision, prompt_id, raw text, text and reason of every candidate.</param>
/// <param name="Scores">Over <paramref name="Captions"/> and key, label, score and window score of every candidate; then key, label, scorer, score and window score by every further scorer; then key, label and score of every judge.</param>
/// <param name="Shards">Over <paramref name="Scores"/> and name and sha256 of every file.</param>
public sealed record HashChain(string Inputs, string Captions, string Scores, string Shards)
{
    /// <summary>The chain of one shard.</summary>
    public static HashChain Compute(IReadOnlyList<IndexRow> rows, IReadOnlyList<ShardFile> files)
    {
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(files);
        var inputs = Link([], rows.SelectMany(row => new[] { row.Key, row.SourceUri, row.Sha256 }));
        var captions = Link([inputs], rows.SelectMany(row => row.Candidates.SelectMany(candidate => new[]
        {
            row.Key, candidate.Label, candidate.Model, candidate.ModelRevision, candidate.PromptId, candidate.TextRaw, candidate.Text, candidate.Reason,
        })));
        var scores = Link([captions], rows.SelectMany(row => row.Candidates.SelectMany(candidate => new[]
        {
            row.Key, candidate.Label, candidate.Score?.ToString("R", CultureInfo.InvariantCulture), candidate.WindowScore?.ToString("R", CultureInfo.InvariantCulture),
        })).Concat(rows.SelectMany(row => row.Candidates.SelectMany(candidate => (candidate.OtherScores ?? []).SelectMany(other => new[]
        {
            row.Key, candidate.Label, other.Scorer, other.Score?.ToString("R", CultureInfo.InvariantCulture), other.WindowScore?.ToString("R", CultureInfo.InvariantCulture),
        })))).Concat(rows.SelectMany(row => (row.Judges ?? []).SelectMany(judge => new[] { row.Key, judge.Label, judge.Score?.ToString("R", CultureInfo.InvariantCulture) }))));
        return new HashChain(inputs, captions, scores, Link([scores], files.SelectMany(file => new[] { file.Name, file.Sha256 })));
    }

    /// <summary>The chain of a dataset: each link over that link of its shards, in their order.</summary>
    public static HashChain Combine(IReadOnlyList<HashChain> shards) => new(
        Link([], shards.Select(shard => shard.Inputs)),
        Link([], shards.Select(shard => shard.Captions)),
        Link([], shards.Select(shard => shard.Scores)),
        Link([], shards.Select(shard => shard.Shards)));

    private static string Link(IEnumerable<string?> before, IEnumerable<string?> fields)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> length = stackalloc byte[sizeof(int)];
        foreach (var field in before.Concat(fields))
        {
            var bytes = field is null ? [] : Encoding.UTF8.GetBytes(field);
            BinaryPrimitives.WriteInt32LittleEndian(length, field is null ? -1 : bytes.Length);
            hash.AppendData(length);
            hash.AppendData(bytes);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}

/// <summary>
/// <c>wids-meta.json</c>: the list of tars that Sana's loader opens, with the fields and the kind that Sana's own tool writes (it has no checksums; the
/// manifest has).
/// </summary>
public static class WidsMeta
{
    /// <summary>What Sana's tool calls the file.</summary>
    public const string Kind = "SANA-WebDataset";

    /// <summary>The list's content.</summary>
    /// <param name="name">The dataset's name.</param>
    /// <param name="shards">All shards of the dataset, complete, in any order.</param>
    public static byte[] Bytes(string name, IEnumerable<ShardStats> shards)
    {
        ArgumentNullException.ThrowIfNull(shards);
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes, Sample.Json with { Indented = true, IndentSize = 4, NewLine = "\n" }))
        {
            json.WriteStartObject();
            json.WriteString("name", name);
            json.WriteString("__kind__", Kind);
            json.WriteNumber("wids_version", 1);
            json.WriteStartArray("shardlist");
            foreach (var tar in shards.Select(shard => shard.Files[0]).OrderBy(tar => tar.Name, StringComparer.Ordinal))
            {
                json.WriteStartObject();
                json.WriteString("url", tar.Name);
                json.WriteNumber("nsamples", tar.Samples);
                json.WriteNumber("filesize", tar.Bytes);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return bytes.ToArray();
    }
}
