namespace Sana.Curation.Sources.Manifests;

/// <summary>
/// Walks Thrift's compact form without building anything: what a Parquet file's footer and page headers say of sizes is checked before a library makes room for it.
/// Every element takes a byte at least, so no list can be longer than what is left.
/// </summary>
internal ref struct ThriftSkim(ReadOnlySpan<byte> bytes)
{
    private const int MaxDepth = 32;
    private const int Struct = 12;

    private ReadOnlySpan<byte> _left = bytes;

    public readonly int Left => _left.Length;

    /// <summary>The next field of a struct; false at its end.</summary>
    /// <param name="id">The last field's number; becomes this one's.</param>
    /// <param name="type">Its compact type.</param>
    /// <exception cref="InvalidDataException">The bytes end or are no struct.</exception>
    public bool Field(ref int id, out int type)
    {
        var head = Byte();
        type = head & 0x0F;
        if (head == 0)
            return false;
        id = head >> 4 == 0 ? (int)Number() : id + (head >> 4);
        return true;
    }

    /// <summary>A zigzag number.</summary>
    public long Number()
    {
        var value = Varint();
        return (long)(value >> 1) ^ -(long)(value & 1);
    }

    /// <summary>Passes over a value of a type.</summary>
    public void Skip(int type, int depth = 0)
    {
        if (depth > MaxDepth)
            throw new InvalidDataException("Too deep.");
        switch (type)
        {
            case 1 or 2:
                return;
            case 3:
                Byte();
                return;
            case 4 or 5 or 6:
                Varint();
                return;
            case 7:
                Take(8);
                return;
            case 8:
                Take(Varint());
                return;
            case 9 or 10:
                var head = Byte();
                Elements(head >> 4 == 15 ? Varint() : (ulong)(head >> 4), head & 0x0F, depth);
                return;
            case 11:
                var count = Varint();
                if (count == 0)
                    return;
                var pair = Byte();
                Bound(count);
                for (var at = 0UL; at < count; at++)
                {
                    Element(pair >> 4, depth);
                    Element(pair & 0x0F, depth);
                }

                return;
            case Struct:
                for (var id = 0; Field(ref id, out var inner);)
                    Skip(inner, depth + 1);
                return;
            default:
                throw new InvalidDataException("No such type.");
        }
    }

    private void Elements(ulong count, int type, int depth)
    {
        Bound(count);
        for (var at = 0UL; at < count; at++)
            Element(type, depth);
    }

    // Within a list a truth value is a byte of its own.
    private void Element(int type, int depth)
    {
        if (type is 1 or 2)
            Byte();
        else
            Skip(type, depth + 1);
    }

    private readonly void Bound(ulong count)
    {
        if (count > (ulong)_left.Length)
            throw new InvalidDataException("A list is longer than the file.");
    }

    private ulong Varint()
    {
        var value = 0UL;
        for (var shift = 0; shift < 64; shift += 7)
        {
            var next = Byte();
            value |= (ulong)(next & 0x7F) << shift;
            if ((next & 0x80) == 0)
                return value;
        }

        throw new InvalidDataException("A number does not end.");
    }

    private byte Byte()
    {
        if (_left.IsEmpty)
            throw new InvalidDataException("The bytes end.");
        var first = _left[0];
        _left = _left[1..];
        return first;
    }

    private void Take(ulong count)
    {
        if (count > (ulong)_left.Length)
            throw new InvalidDataException("The bytes end.");
        _left = _left[(int)count..];
    }
}
