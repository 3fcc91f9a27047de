using Parquet;
using Parquet.Schema;

namespace Sana.Curation.Shards;

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
            var stripe = new Stripe<ReadOnlyMemory<char>>();
            foreach (var list in lists)
            {
                if (list.Count == 0)
                    stripe.Skip(1, 0);
                for (var i = 0; i < list.Count; i++)
                    IndexColumn.AddList(stripe, values(list[i]), i == 0 ? 0 : 1, definition: 4, repetition: 2);
            }

            return stripe.Write(group, element, token);
        });
    }

    private static ItemColumn<TItem> Leaf<TItem, T>(DataField field, Func<TItem, T?> value)
        where T : struct => new(field, (group, lists, token) =>
        {
            var stripe = new Stripe<T>();
            foreach (var list in lists)
            {
                if (list.Count == 0)
                    stripe.Skip(1, 0);
                for (var i = 0; i < list.Count; i++)
                {
                    if (value(list[i]) is { } present)
                        stripe.Add(present, 4, i == 0 ? 0 : 1);
                    else
                        stripe.Skip(3, i == 0 ? 0 : 1);
                }
            }

            return stripe.Write(group, field, token);
        });
}
