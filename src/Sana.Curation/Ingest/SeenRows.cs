using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace Sana.Curation.Ingest;

/// <summary>What is remembered of the rows of a dataset, in blocks that are never moved: a growing array would take twice the memory while it grows.</summary>
internal sealed class SeenRows
{
    private const int BlockBits = 14;
    private const int KeyBlockBytes = 1 << 20;
    private const int KeyOfHash = -1;

    private readonly List<Row[]> _blocks = [];
    private readonly List<byte[]> _keys = [];
    private int _keyBytes = KeyBlockBytes; // used of the last block

    public int Count { get; private set; }

    public ref Row this[int row] => ref _blocks[row >> BlockBits][row & ((1 << BlockBits) - 1)];

    /// <summary>Remembers a row.</summary>
    /// <param name="high">First half of the hash's first 128 bits, by which files are told apart.</param>
    /// <param name="low">Second half.</param>
    /// <param name="phash">Perceptual hash.</param>
    /// <param name="key">What it is called.</param>
    /// <param name="first">The row that it is like, or −1.</param>
    /// <returns>Its number.</returns>
    public int Add(ulong high, ulong low, ulong phash, string key, int first)
    {
        if (Count == _blocks.Count << BlockBits)
            _blocks.Add(new Row[1 << BlockBits]);
        var keyAt = key == HashKey(high, low) ? KeyOfHash : Keep(key);
        this[Count] = new Row { High = high, Low = low, Phash = phash, KeyAt = keyAt, TimesOrFirst = first >= 0 ? ~first : 1 };
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

    /// <summary>One row, 48 bytes.</summary>
    [StructLayout(LayoutKind.Sequential, Pack = 4)]
    public struct Row
    {
        public ulong High;
        public ulong Low;
        public ulong Phash;
        public PhashIndex.Links Links;
        public int KeyAt;
        public int TimesOrFirst;

        public readonly bool IsFirst => TimesOrFirst > 0;

        /// <summary>The row that this one is like; only where it is no first.</summary>
        public readonly int First => ~TimesOrFirst;

        /// <summary>How often a first came, itself and all that are like it.</summary>
        public int Times
        {
            readonly get => TimesOrFirst;
            set => TimesOrFirst = value;
        }
    }
}
