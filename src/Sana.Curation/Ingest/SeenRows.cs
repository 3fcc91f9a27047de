using System.Globalization;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace Sana.Curation.Ingest;

/// <summary>What is kept of the rows of a dataset, in blocks that are never moved: a growing array would take twice the memory while it grows.</summary>
internal sealed class SeenRows
{
    private const int BlockBits = 14;
    private const int KeyBlockBytes = 1 << 20;
    private const int KeyOfHash = -1;

    private readonly List<Row[]> _blocks = [];
    private readonly List<byte[]> _keys = [];
    private int _keyBytes = KeyBlockBytes; // used of the last block

    /// <summary>Colours of an image at which nobody looked: no chroma is at both ends in every cell.</summary>
    public static UInt128 NoColours => UInt128.MaxValue;

    public int Count { get; private set; }

    public ref Row this[int row] => ref _blocks[row >> BlockBits][row & ((1 << BlockBits) - 1)];

    /// <summary>Remembers a row.</summary>
    /// <param name="high">First half of the hash's first 128 bits, by which files are told apart.</param>
    /// <param name="low">Second half.</param>
    /// <param name="phash">Perceptual hash.</param>
    /// <param name="colours">What it is like in colour.</param>
    /// <param name="key">What it is called.</param>
    /// <param name="first">The row that it is like, or −1.</param>
    /// <returns>Its number.</returns>
    public int Add(ulong high, ulong low, ulong phash, UInt128 colours, string key, int first)
    {
        if (Count == _blocks.Count << BlockBits)
            _blocks.Add(new Row[1 << BlockBits]);
        var keyAt = key == HashKey(high, low) ? KeyOfHash : Keep(key);
        this[Count] = new Row
        {
            High = high,
            Low = low,
            Phash = phash,
            ColoursHigh = (ulong)(colours >> 64),
            ColoursLow = (ulong)colours,
            KeyAt = keyAt,
            TimesOrFirst = first >= 0 ? ~first : 1
        };
        return Count++;
    }

    public string Key(int row)
    {
        ref var seen = ref this[row];
        if (seen.KeyAt == KeyOfHash)
            return HashKey(seen.High, seen.Low);
        var block = _keys[(int)((uint)seen.KeyAt >> 20)];
        var at = seen.KeyAt & (KeyBlockBytes - 1);
        var length = (block[at] << 8) | block[at + 1];
        return Encoding.UTF8.GetString(block, at + 2, length);
    }

    private int Keep(string key)
    {
        var bytes = Encoding.UTF8.GetBytes(key);
        if (bytes.Length > ushort.MaxValue)
            throw new CurationException($"A key of {bytes.Length} bytes is longer than {ushort.MaxValue}; use the row's place.");
        if (_keyBytes + 2 + bytes.Length > KeyBlockBytes)
        {
            _keys.Add(new byte[KeyBlockBytes]);
            _keyBytes = 0;
        }

        var (block, at) = (_keys[^1], _keyBytes);
        (block[at], block[at + 1]) = ((byte)(bytes.Length >> 8), (byte)bytes.Length);
        bytes.CopyTo(block, at + 2);
        _keyBytes += 2 + bytes.Length;
        return ((_keys.Count - 1) << 20) | at;
    }

    private static string HashKey(ulong high, ulong low) => string.Create(CultureInfo.InvariantCulture, $"{high:x16}{low:x16}");

    /// <summary>One row, 64 bytes.</summary>
    [StructLayout(LayoutKind.Sequential, Pack = 4)]
    public struct Row
    {
        public ulong High;
        public ulong Low;
        public ulong Phash;
        public ulong ColoursHigh;
        public ulong ColoursLow;
        public PhashIndex.Links Links;
        public int KeyAt;
        public int TimesOrFirst;

        public readonly UInt128 Colours => new(ColoursHigh, ColoursLow);

        public readonly bool IsFirst => TimesOrFirst > 0;

        /// <summary>The row that this one is like; only where it is no first.</summary>
        public readonly int First => ~TimesOrFirst;

        /// <summary>How often a first image came: itself and all images like it.</summary>
        public int Times
        {
            readonly get => TimesOrFirst;
            set => TimesOrFirst = value;
        }
    }
}

/// <summary>Rows by their bytes: open addressing over row numbers alone, 5 to 11 bytes a row.</summary>
internal sealed class ShaIndex(SeenRows rows)
{
    private int[] _slots = new int[1 << 10]; // row + 1; 0 is free
    private int _count;

    /// <summary>The first row of these bytes, or −1.</summary>
    public int Find(ulong high, ulong low)
    {
        for (var slot = Start(high); ; slot = (slot + 1) & (_slots.Length - 1))
        {
            var row = _slots[slot] - 1;
            if (row < 0 || (rows[row].High == high && rows[row].Low == low))
                return row;
        }
    }

    public void Add(int row)
    {
        if (++_count > _slots.Length * 3L / 4)
            Grow();
        Put(row);
    }

    private void Grow()
    {
        var old = _slots;
        _slots = new int[checked(old.Length * 2)];
        foreach (var slot in old)
        {
            if (slot > 0)
                Put(slot - 1);
        }
    }

    private void Put(int row)
    {
        var slot = Start(rows[row].High);
        while (_slots[slot] > 0)
            slot = (slot + 1) & (_slots.Length - 1);
        _slots[slot] = row + 1;
    }

    // The hash is as even as a hash can be; its own bits are the place.
    private int Start(ulong high) => (int)(high & (ulong)(_slots.Length - 1));
}

/// <summary>
/// Rows by what they look like: multi-index hashing (Norouzi, Punjani, Fleet, 2012). Of two hashes that differ in at most d bits, one of four quarters differs
/// in at most d/4, so a search looks only where a quarter is that near.
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
    public int Find(ulong phash, UInt128 colours)
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
                    if ((distance < least || (distance == least && row < best)) && Alike(seen.Colours, colours))
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

    private static bool Alike(UInt128 one, UInt128 other) => one == SeenRows.NoColours || other == SeenRows.NoColours
        || PerceptualHash.HaveSameColours(one, other);

    private static int Quarter(ulong phash, int quarter) => (ushort)(phash >> (quarter * QuarterBits));

    /// <summary>For each quarter the row before this one with the same value, plus 1; 0 for none.</summary>
    [InlineArray(Quarters)]
    public struct Links
    {
        private int _first;
    }
}
