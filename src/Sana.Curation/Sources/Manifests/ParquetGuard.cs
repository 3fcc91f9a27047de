using System.Buffers.Binary;
using Parquet.Meta;

namespace Sana.Curation.Sources.Manifests;

/// <summary>What a Parquet file says of its sizes, checked against what it has before the library makes room.</summary>
internal static class ParquetGuard
{
    /// <summary>Rows of a group: 4 M. DuckDB writes 122,880, Arrow 1 M.</summary>
    public const long MaxRows = 4 * 1024 * 1024;

    /// <summary>Bytes of a column of texts in one row group, unpacked: 256 MiB.</summary>
    public const long MaxColumn = 256L * 1024 * 1024;

    /// <summary>Bytes of a column of images in one row group, unpacked: 512 MiB.</summary>
    public const long MaxImages = 512L * 1024 * 1024;

    // Values of a list column in one row group.
    private const long MaxValues = 4 * MaxRows;
    private const int MaxFooter = 64 * 1024 * 1024;
    private const int MaxPageHeader = 64 * 1024;

    /// <summary>What is wrong with the file as a whole; null for nothing.</summary>
    public static async Task<string?> Footer(Stream stream, CancellationToken cancellationToken)
    {
        if (stream.Length < 12)
            return "it is too short";
        var tail = await At(stream, stream.Length - 8, 8, cancellationToken);
        if (!tail.AsSpan(4).SequenceEqual("PAR1"u8))
            return tail.AsSpan(4).SequenceEqual("PARE"u8) ? "it is encrypted" : "it does not end like one";
        var length = BinaryPrimitives.ReadUInt32LittleEndian(tail);
        if (length > MaxFooter || length > stream.Length - 12)
            return $"its footer says {length} bytes";
        var footer = await At(stream, stream.Length - 8 - length, (int)length, cancellationToken);
        return IsStruct(footer) ? null : "its footer is damaged";
    }

    /// <summary>What is wrong with a column of a row group; null for nothing.</summary>
    /// <param name="stream">The file.</param>
    /// <param name="column">What the footer says of it.</param>
    /// <param name="rows">Of the group.</param>
    /// <param name="isList">Whether a row has several values.</param>
    /// <param name="mostBytes">Unpacked.</param>
    /// <param name="cancellationToken">Stops the reading.</param>
    public static async Task<string?> Pages(Stream stream, ColumnMetaData column, long rows, bool isList, long mostBytes, CancellationToken cancellationToken)
    {
        if (column.TotalUncompressedSize < 0 || column.TotalUncompressedSize > mostBytes)
            return $"says {column.TotalUncompressedSize} bytes; at most {mostBytes} are read at once: write smaller row groups";
        var at = column.DictionaryPageOffset is > 0 and var dictionary && dictionary < column.DataPageOffset ? dictionary : column.DataPageOffset;
        var end = at + column.TotalCompressedSize;
        if (at < 4 || column.TotalCompressedSize < 0 || end > stream.Length || (isList ? column.NumValues < rows || column.NumValues > MaxValues
            : column.NumValues != rows))
            return "does not lie within the file, or has another length than its row group";
        rows = column.NumValues;
        var (bytes, values) = (0L, 0L);
        while (at < end && values < rows)
        {
            var head = await At(stream, at, (int)Math.Min(MaxPageHeader, end - at), cancellationToken);
            if (Page(head) is not { } page || page.Packed < 0 || page.Plain < 0 || page.Packed > end - at - page.Header)
                return "has a damaged page";
            // Each entry of a dictionary of texts takes four bytes at least.
            if ((bytes += page.Plain) > mostBytes || page.Values < 0 || page.Values > (page.IsDictionary ? (page.Plain / 4) + 1 : rows - values))
                return "has a page of an impossible size";
            values += page.IsDictionary ? 0 : page.Values;
            at += page.Header + page.Packed;
        }

        return values == rows ? null : "has fewer values than its row group";
    }

    private static bool IsStruct(ReadOnlySpan<byte> footer)
    {
        try
        {
            var thrift = new ThriftReader(footer);
            thrift.Skip(12);
            return true;
        }
        catch (InvalidDataException)
        {
            return false;
        }
    }

    private static PageSizes? Page(ReadOnlySpan<byte> bytes)
    {
        try
        {
            var thrift = new ThriftReader(bytes);
            var (plain, packed, values, isDictionary) = (-1L, -1L, 0L, false);
            for (var id = 0; thrift.Field(ref id, out var type);)
            {
                if (id == 2 && type == 5)
                    plain = thrift.Number();
                else if (id == 3 && type == 5)
                    packed = thrift.Number();
                else if (id is 5 or 7 or 8 && type == 12)
                    (values, isDictionary) = (Values(ref thrift), isDictionary || id == 7);
                else
                    thrift.Skip(type);
            }

            return new PageSizes(bytes.Length - thrift.Left, packed, plain, values, isDictionary);
        }
        catch (InvalidDataException)
        {
            return null;
        }
    }

    private static long Values(ref ThriftReader thrift)
    {
        var values = 0L;
        for (var id = 0; thrift.Field(ref id, out var type);)
        {
            if (id == 1 && type == 5)
                values = thrift.Number();
            else
                thrift.Skip(type);
        }

        return values;
    }

    private static async Task<byte[]> At(Stream stream, long at, int length, CancellationToken cancellationToken)
    {
        var bytes = new byte[length];
        stream.Position = at;
        await stream.ReadExactlyAsync(bytes, cancellationToken);
        return bytes;
    }

    private readonly record struct PageSizes(int Header, long Packed, long Plain, long Values, bool IsDictionary);
}

/// <summary>
/// Walks Thrift's compact form without building anything: what a Parquet file's footer and page headers say of sizes is checked before a library makes room for
/// it. Every element takes a byte at least, so no list can be longer than what is left.
/// </summary>
internal ref struct ThriftReader(ReadOnlySpan<byte> bytes)
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
