using Parquet;
using Parquet.Schema;

namespace Sana.Curation.Shards;

/// <summary>A column of a table of rows: its field, and how rows fill it. Columns come in the order in which their leaves are written.</summary>
/// <typeparam name="TRow">A row, or an item of a row's list.</typeparam>
/// <param name="Field">Name and type.</param>
/// <param name="Leaves">Writes each leaf below it.</param>
internal sealed record IndexColumn<TRow>(Field Field, IReadOnlyList<IndexLeaf<TRow>> Leaves);

/// <summary>Something that writes one leaf of all rows of a group.</summary>
internal delegate Task IndexLeaf<TRow>(ParquetRowGroupWriter group, IReadOnlyList<TRow> rows, CancellationToken cancellationToken);

/// <summary>Kinds of columns.</summary>
internal static class IndexColumn
{
    /// <summary>A text.</summary>
    public static IndexColumn<IndexRow> Text(string name, Func<IndexRow, string?> value) => Flat(new DataField<string>(name, true), row => value(row)?.AsMemory());

    /// <summary>A number or a truth value.</summary>
    public static IndexColumn<IndexRow> Value<T>(string name, Func<IndexRow, T?> value)
        where T : struct => Flat(new DataField<T>(name, true), value);

    /// <summary>A list of texts.</summary>
    public static IndexColumn<IndexRow> Texts(string name, Func<IndexRow, IReadOnlyList<string>> values)
    {
        var element = new DataField<string>("element", true);
        return new IndexColumn<IndexRow>(new ListField(name, element), [(group, rows, token) =>
        {
            var buffer = new LeafBuffer<ReadOnlyMemory<char>>();
            foreach (var row in rows)
                AddList(buffer, values(row), 0, definition: 1, repetition: 1);
            return buffer.Write(group, element, token);
        }]);
    }

    /// <summary>A list of structs.</summary>
    public static IndexColumn<IndexRow> Structs<TItem>(string name, Func<IndexRow, IReadOnlyList<TItem>> items, IReadOnlyList<ItemColumn<TItem>> columns) => new(
        new ListField(name, new StructField("element", [.. columns.Select(column => column.Field)])),
        [.. columns.Select<ItemColumn<TItem>, IndexLeaf<IndexRow>>(column => (group, rows, token) => column.Write(group, rows.Select(items), token))]);

    /// <summary>A list of texts inside of another level: its first text repeats where its owner does.</summary>
    public static void AddList(LeafBuffer<ReadOnlyMemory<char>> buffer, IReadOnlyList<string> texts, int owner, int definition, int repetition)
    {
        if (texts.Count == 0)
            buffer.Skip(definition, owner);
        for (var i = 0; i < texts.Count; i++)
            buffer.Add(texts[i].AsMemory(), definition + 2, i == 0 ? owner : repetition);
    }

    private static IndexColumn<IndexRow> Flat<T>(DataField field, Func<IndexRow, T?> value)
        where T : struct => new(field, [(group, rows, token) =>
        {
            var buffer = new LeafBuffer<T>();
            foreach (var row in rows)
            {
                if (value(row) is { } present)
                    buffer.Add(present, 1, 0);
                else
                    buffer.Skip(0, 0);
            }

            return buffer.Write(group, field, token);
        }]);
}

/// <summary>A field of the structs in a list.</summary>
/// <param name="Field">Name and type.</param>
/// <param name="Write">Writes it for the lists of all rows.</param>
internal sealed record ItemColumn<TItem>(Field Field, Func<ParquetRowGroupWriter, IEnumerable<IReadOnlyList<TItem>>, CancellationToken, Task> Write);

/// <summary>Kinds of fields in the structs of a list. A struct in a list is at depth 3, a field in it at 4, a text of a list in it at 6.</summary>
internal static class ItemColumn
{
    public static ItemColumn<TItem> Text<TItem>(string name, Func<TItem, string?> value) => Leaf(new DataField<string>(name, true), (TItem item) => value(item)?.AsMemory());

    public static ItemColumn<TItem> Value<TItem, T>(string name, Func<TItem, T?> value)
        where T : struct => Leaf(new DataField<T>(name, true), value);

    public static ItemColumn<TItem> Texts<TItem>(string name, Func<TItem, IReadOnlyList<string>> values)
    {
        var element = new DataField<string>("element", true);
        return new ItemColumn<TItem>(new ListField(name, element), (group, lists, token) =>
        {
            var buffer = new LeafBuffer<ReadOnlyMemory<char>>();
            foreach (var list in lists)
            {
                if (list.Count == 0)
                    buffer.Skip(1, 0);
                for (var i = 0; i < list.Count; i++)
                    IndexColumn.AddList(buffer, values(list[i]), i == 0 ? 0 : 1, definition: 4, repetition: 2);
            }

            return buffer.Write(group, element, token);
        });
    }

    private static ItemColumn<TItem> Leaf<TItem, T>(DataField field, Func<TItem, T?> value)
        where T : struct => new(field, (group, lists, token) =>
        {
            var buffer = new LeafBuffer<T>();
            foreach (var list in lists)
            {
                if (list.Count == 0)
                    buffer.Skip(1, 0);
                for (var i = 0; i < list.Count; i++)
                {
                    if (value(list[i]) is { } present)
                        buffer.Add(present, 4, i == 0 ? 0 : 1);
                    else
                        buffer.Skip(3, i == 0 ? 0 : 1);
                }
            }

            return buffer.Write(group, field, token);
        });
}

/// <summary>
/// One leaf column while it is written: values that are there, and for each place how deep it is defined and where lists repeat (Dremel's levels). The depths
/// are those of the schema that <see cref="IndexSchema"/> builds, where every field, list and struct may be null.
/// </summary>
internal sealed class LeafBuffer<T>
    where T : struct
{
    private readonly List<T> _values = [];
    private readonly List<int> _definitions = [];
    private readonly List<int> _repetitions = [];

    /// <summary>A place with a value.</summary>
    public void Add(T value, int definition, int repetition)
    {
        _values.Add(value);
        Skip(definition, repetition);
    }

    /// <summary>A place without one: null, or an empty list.</summary>
    public void Skip(int definition, int repetition)
    {
        _definitions.Add(definition);
        _repetitions.Add(repetition);
    }

    public Task Write(ParquetRowGroupWriter group, DataField field, CancellationToken cancellationToken)
    {
        ReadOnlyMemory<int>? repetitions = field.MaxRepetitionLevel > 0 ? _repetitions.ToArray() : null;
        return group.WriteAllPartsAsync<T>(field, _values.ToArray(), _definitions.ToArray(), repetitions, cancellationToken);
    }
}
