using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Sana.Curation.Shards;

/// <summary>
/// What a shard was made of, each link over the one before it: change an image, a caption or a score after the fact and every later link differs.
/// SHA-256, lower-case hexadecimal; fields go in as UTF-8, each behind its length in 4 bytes, little endian (−1 for null).
/// </summary>
/// <param name="Inputs">Over key, source_uri and sha256 of every row.</param>
/// <param name="Captions">Over <paramref name="Inputs"/> and key, label, model, revision, prompt_id, raw text, text and reason of every candidate.</param>
/// <param name="Scores">Over <paramref name="Captions"/> and key, label, score and window score of every candidate.</param>
/// <param name="Shards">Over <paramref name="Scores"/> and name and sha256 of every file.</param>
public sealed record HashChain(string Inputs, string Captions, string Scores, string Shards)
{
    /// <summary>The chain of one shard.</summary>
    public static HashChain Of(IReadOnlyList<IndexRow> rows, IReadOnlyList<ShardFile> files)
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
        })));
        return new HashChain(inputs, captions, scores, Link([scores], files.SelectMany(file => new[] { file.Name, file.Sha256 })));
    }

    /// <summary>The chain of a dataset: each link over that link of its shards, in their order.</summary>
    public static HashChain Of(IReadOnlyList<HashChain> shards) => new(
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
