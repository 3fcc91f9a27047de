using Parquet;
using Parquet.Schema;

namespace Sana.Curation.Shards;

/// <summary>
/// One leaf column while it is written: values that are there, and for each place how deep it is defined and where lists repeat (Dremel's levels).
/// The depths are those of the schema that <see cref="IndexSchema"/> builds, where every field, list and struct may be null.
/// </summary>
internal sealed class Stripe<T>
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
