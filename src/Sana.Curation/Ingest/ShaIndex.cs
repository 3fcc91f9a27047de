namespace Sana.Curation.Ingest;

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
