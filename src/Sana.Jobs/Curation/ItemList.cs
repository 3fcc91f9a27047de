using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using Sana.Curation.Shards;
using Sana.Curation.Sources;

namespace Sana.Jobs.Curation;

/// <summary>The items of a source as a dataset takes them: all, or a sample spread evenly, in lists of one shard each.</summary>
internal static class ItemList
{
    /// <summary>The item lists of the shards, as bytes; <paramref name="hash"/> takes all of them in.</summary>
    public static async IAsyncEnumerable<(byte[] List, IReadOnlyList<SourceItem> Items)> Shards(
        SourceReader source, CurationSettings settings, IncrementalHash hash, SourceTally tally, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var shard = new List<SourceItem>();
        await foreach (var item in Of(source, settings.Sample, tally, cancellationToken))
        {
            shard.Add(item);
            if (shard.Count == settings.ItemsPerShard)
                yield return Cut();
        }

        if (shard.Count > 0)
            yield return Cut();

        (byte[] List, IReadOnlyList<SourceItem> Items) Cut()
        {
            var (list, items) = (JsonLines.Bytes(shard, CurationJson.Lines.SourceItem), shard);
            hash.AppendData(list);
            shard = [];
            return (list, items);
        }
    }

    /// <summary>How many items there are, the hash of their lists, and of when their files were changed.</summary>
    public static async Task<(long Items, string Sha256, string Stamp)> Count(SourceReader source, CurationSettings settings,
        CancellationToken cancellationToken)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var (count, tally) = (0L, new SourceTally());
        await foreach (var (_, items) in Shards(source, settings, hash, tally, cancellationToken))
            count += items.Count;
        return (count, Convert.ToHexStringLower(hash.GetHashAndReset()), tally.Stamp);
    }

    /// <summary>For a sample the source is listed twice, which holds no list in memory.</summary>
    private static async IAsyncEnumerable<SourceItem> Of(SourceReader source, int? sample, SourceTally tally,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var (count, place) = (0L, 0L);
        if (sample is not null)
        {
            await foreach (var _ in source.List(cancellationToken))
                count++;
        }

        await foreach (var item in source.List(tally, cancellationToken))
        {
            // Of n items, one is in a sample of s when ⌊place·s/n⌋ grows with it.
            if (sample is not { } size || count <= size || place == 0 || place * size / count != (place - 1) * size / count)
                yield return item;
            place++;
        }
    }
}
