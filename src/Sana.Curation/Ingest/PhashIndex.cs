using System.Numerics;
using System.Runtime.CompilerServices;

namespace Sana.Curation.Ingest;

/// <summary>
/// Rows by what they look like: multi-index hashing (Norouzi, Punjani, Fleet, 2012). Of two hashes that differ in at most d bits, one of four quarters
/// differs in at most d/4, so a search looks only
/// where a quarter is that near.
/// </summary>
internal sealed class PhashIndex
{
    private const int Quarters = 4;
    private const int QuarterBits = 64 / Quarters;

    private readonly SeenRows _rows;
    private readonly int _maxDistance;
    private readonly int[][] _heads = new int[Quarters][]; // last row + 1 of each value; 0 for none
    private readonly ushort[] _nearby;

    public PhashIndex(SeenRows rows, int maxDistance)
    {
        (_rows, _maxDistance) = (rows, maxDistance);
        for (var quarter = 0; quarter < Quarters; quarter++)
            _heads[quarter] = new int[1 << QuarterBits];
        _nearby = [.. Enumerable.Range(0, 1 << QuarterBits).Select(mask => (ushort)mask).Where(mask => BitOperations.PopCount(mask) <= maxDistance / Quarters)];
    }

    /// <summary>The nearest row, the first of several; −1 when none is near, or the hash says nothing.</summary>
    public int Find(ulong phash)
    {
        if (!PerceptualHash.IsTelling(phash))
            return -1;
        var (best, least) = (-1, _maxDistance + 1);
        for (var quarter = 0; quarter < Quarters; quarter++)
        {
            var value = Quarter(phash, quarter);
            foreach (var mask in _nearby)
            {
                for (var row = _heads[quarter][value ^ mask] - 1; row >= 0;)
                {
                    ref var seen = ref _rows[row];
                    var distance = BitOperations.PopCount(seen.Phash ^ phash);
                    if (distance < least || (distance == least && row < best))
                        (best, least) = (row, distance);
                    row = seen.Links[quarter] - 1;
                }
            }
        }

        return best;
    }

    public void Add(int row)
    {
        ref var seen = ref _rows[row];
        if (!PerceptualHash.IsTelling(seen.Phash))
            return;
        for (var quarter = 0; quarter < Quarters; quarter++)
        {
            ref var head = ref _heads[quarter][Quarter(seen.Phash, quarter)];
            seen.Links[quarter] = head;
            head = row + 1;
        }
    }

    private static int Quarter(ulong phash, int quarter) => (ushort)(phash >> (quarter * QuarterBits));

    /// <summary>For each quarter the row before this one with the same value, plus 1; 0 for none.</summary>
    [InlineArray(Quarters)]
    public struct Links
    {
        private int _first;
    }
}
