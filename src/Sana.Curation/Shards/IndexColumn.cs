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
            var stripe = new Stripe<ReadOnlyMemory<char>>();
            foreach (var row in rows)
                AddList(stripe, values(row), 0, definition: 1, repetition: 1);
            return stripe.Write(group, element, token);
        }]);
    }

    /// <summary>A list of structs.</summary>
    public static IndexColumn<IndexRow> Structs<TItem>(string name, Func<IndexRow, IReadOnlyList<TItem>> items, IReadOnlyList<ItemColumn<TItem>> columns) => new(
        new ListField(name, new StructField("element", [.. columns.Select(column => column.Field)])),
        [.. columns.Select<ItemColumn<TItem>, IndexLeaf<IndexRow>>(column => (group, rows, token) => column.Write(group, rows.Select(items), token))]);

    /// <summary>A list of texts inside of another level: its first text repeats where its owner does.</summary>
    public static void AddList(Stripe<ReadOnlyMemory<char>> stripe, IReadOnlyList<string> texts, int owner, int definition, int repetition)
    {
        if (texts.Count == 0)
            stripe.Skip(definition, owner);
        for (var i = 0; i < texts.Count; i++)
            stripe.Add(texts[i].AsMemory(), definition + 2, i == 0 ? owner : repetition);
    }

    private static IndexColumn<IndexRow> Flat<T>(DataField field, Func<IndexRow, T?> value)
        where T : struct => new(field, [(group, rows, token) =>
        {
            var stripe = new Stripe<T>();
            foreach (var row in rows)
            {
                if (value(row) is { } present)
                    stripe.Add(present, 1, 0);
                else
                    stripe.Skip(0, 0);
            }

            return stripe.Write(group, field, token);
        }]);
}
