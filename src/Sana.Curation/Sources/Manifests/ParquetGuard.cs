using System.Buffers.Binary;
using Parquet.Meta;

namespace Sana.Curation.Sources.Manifests;

/// <summary>What a Parquet file says of its sizes, checked against what it has before the library makes room.</summary>
internal static class ParquetGuard
{
    /// <summary>Rows of a group: 4 M. DuckDB writes 122,880, Arrow 1 M.</summary>
    public const long MaxRows = 4 * 1024 * 1024;

    private const int MaxFooter = 64 * 1024 * 1024;
    private const long MaxColumn = 256L * 1024 * 1024;
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
    public static async Task<string?> Pages(Stream stream, ColumnMetaData column, long rows, CancellationToken cancellationToken)
    {
        if (column.TotalUncompressedSize is < 0 or > MaxColumn)
            return $"says {column.TotalUncompressedSize} bytes; at most {MaxColumn} are read at once";
        var at = column.DictionaryPageOffset is > 0 and var dictionary && dictionary < column.DataPageOffset ? dictionary : column.DataPageOffset;
        var end = at + column.TotalCompressedSize;
        if (at < 4 || column.TotalCompressedSize < 0 || end > stream.Length || column.NumValues != rows)
            return "does not lie within the file, or has another length than its row group";
        var (bytes, values) = (0L, 0L);
        while (at < end && values < rows)
        {
            var head = await At(stream, at, (int)Math.Min(MaxPageHeader, end - at), cancellationToken);
            if (Page(head) is not { } page || page.Packed < 0 || page.Plain < 0 || page.Packed > end - at - page.Header)
                return "has a damaged page";
            // Each entry of a dictionary of texts takes four bytes at least.
            if ((bytes += page.Plain) > MaxColumn || page.Values < 0 || page.Values > (page.IsDictionary ? (page.Plain / 4) + 1 : rows - values))
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
            var skim = new ThriftSkim(footer);
            skim.Skip(12);
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
            var skim = new ThriftSkim(bytes);
            var (plain, packed, values, isDictionary) = (-1L, -1L, 0L, false);
            for (var id = 0; skim.Field(ref id, out var type);)
            {
                if (id == 2 && type == 5)
                    plain = skim.Number();
                else if (id == 3 && type == 5)
                    packed = skim.Number();
                else if (id is 5 or 7 or 8 && type == 12)
                    (values, isDictionary) = (Values(ref skim), isDictionary || id == 7);
                else
                    skim.Skip(type);
            }

            return new PageSizes(bytes.Length - skim.Left, packed, plain, values, isDictionary);
        }
        catch (InvalidDataException)
        {
            return null;
        }
    }

    private static long Values(ref ThriftSkim skim)
    {
        var values = 0L;
        for (var id = 0; skim.Field(ref id, out var type);)
        {
            if (id == 1 && type == 5)
                values = skim.Number();
            else
                skim.Skip(type);
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
