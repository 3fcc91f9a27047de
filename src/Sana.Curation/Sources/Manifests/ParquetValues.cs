using System.Globalization;
using Parquet.Data;
using Parquet.Schema;

namespace Sana.Curation.Sources.Manifests;

/// <summary>Puts the values of a column, which the library gives without the empty ones, back into their rows.</summary>
internal static class ParquetValues
{
    /// <summary>A way to the values of a column's rows.</summary>
    public static Func<int, FieldValue>? Values(RawColumnData raw, DataField field, TableColumn column, int rows, int maxValue)
    {
        switch (raw)
        {
            case RawColumnData<ReadOnlyMemory<byte>> when column.Type == TableType.Texts:
                var lists = Lists(raw, field, rows);
                return row => lists[row] is { Count: > 0 } list ? new FieldValue(Texts: list) : default;
            case RawColumnData<ReadOnlyMemory<byte>>:
                var bytes = Scalars(raw, field, rows);
                // What is longer than a row may be is cut, and the caption's own limit, which is lower, notes it.
                return row => bytes[row] is { } value ? new FieldValue(Bytes: value.Length > maxValue ? Cut(value, maxValue) : value) : default;
            case RawColumnData<long> longs:
                var wide = Scalars<long>(longs, field, rows);
                return row => wide[row] is { } value ? Number(value) : default;
            case RawColumnData<int> integers:
                var narrow = Scalars<int>(integers, field, rows);
                return row => narrow[row] is { } value ? Number(value) : default;
            default:
                return _ => new FieldValue(Other: "of another type");
        }
    }

    private static FieldValue Number(long value) => new(value.ToString(CultureInfo.InvariantCulture), Other: "number");

    // Not within a letter.
    private static ReadOnlyMemory<byte> Cut(ReadOnlyMemory<byte> value, int length)
    {
        while (length > 0 && (value.Span[length] & 0xC0) == 0x80)
            length--;
        return value[..length];
    }

    /// <summary>The bytes of a column's rows.</summary>
    public static ReadOnlyMemory<byte>?[] Scalars(RawColumnData raw, DataField field,
        int rows) => Scalars<ReadOnlyMemory<byte>>((RawColumnData<ReadOnlyMemory<byte>>)raw, field, rows);

    private static T?[] Scalars<T>(RawColumnData<T> raw, DataField field, int rows)
        where T : struct
    {
        var values = raw.Values;
        var found = new T?[rows];
        if (field.MaxDefinitionLevel == 0)
        {
            for (var row = 0; row < rows; row++)
                found[row] = values[row];
            return found;
        }

        var levels = raw.DefinitionLevels;
        for (var (row, at) = (0, 0); row < rows; row++)
            found[row] = levels[row] == field.MaxDefinitionLevel ? values[at++] : null;
        return found;
    }

    private static List<string>?[] Lists(RawColumnData raw, DataField field, int rows)
    {
        var values = ((RawColumnData<ReadOnlyMemory<byte>>)raw).Values;
        var levels = raw.DefinitionLevels;
        var repetitions = raw.RepetitionLevels;
        var found = new List<string>?[rows];
        for (var (entry, row, at) = (0, -1, 0); entry < levels.Length; entry++)
        {
            if (repetitions[entry] == 0)
                row++;
            if (levels[entry] != field.MaxDefinitionLevel)
                continue;
            if (new FieldValue(Bytes: values[at++]).AsText() is { } text)
                (found[row] ??= []).Add(text);
        }

        return found;
    }
}
