using System.IO.Hashing;
using System.Runtime.InteropServices;
using Sana.Curation.Shards;

namespace Sana.Curation.Report;

/// <summary>The rows with the smallest hashes of their keys: evenly spread over whatever passes by, and the same ones in whatever order it passes.</summary>
internal sealed class EvenSample(int size)
{
    private readonly PriorityQueue<IndexRow, (ulong Hash, string Key)> _kept = new(Comparer<(ulong Hash, string Key)>.Create(Largest));

    /// <summary>Rows that were offered.</summary>
    public long Offered { get; private set; }

    /// <summary>The rows, smallest hash first: any beginning of this list is itself an even sample.</summary>
    public IReadOnlyList<IndexRow> Rows => [.. _kept.UnorderedItems.OrderBy(kept => kept.Priority, Comparer<(ulong Hash, string Key)>.Create((a, b) => Largest(b, a))).Select(kept => kept.Element)];

    public void Offer(IndexRow row)
    {
        Offered++;
        var place = (XxHash3.HashToUInt64(MemoryMarshal.AsBytes(row.Key.AsSpan())), row.Key);
        if (_kept.Count < size)
            _kept.Enqueue(ShownRow.Of(row), place);
        else if (size > 0 && _kept.TryPeek(out _, out var last) && Largest(last, place) < 0)
            _kept.EnqueueDequeue(ShownRow.Of(row), place);
    }

    private static int Largest((ulong Hash, string Key) a, (ulong Hash, string Key) b) => b.Hash != a.Hash ? b.Hash.CompareTo(a.Hash) : string.CompareOrdinal(b.Key, a.Key);
}
