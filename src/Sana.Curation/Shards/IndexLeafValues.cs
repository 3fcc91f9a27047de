using Parquet;
using Parquet.Schema;

namespace Sana.Curation.Shards;

/// <summary>One leaf column of a group of rows, read front to back.</summary>
internal sealed class IndexLeafValues<T>
    where T : struct
{
    private readonly T[] _values;
    private readonly int[]? _definitions;
    private readonly int[]? _repetitions;
    private readonly int _defined;
    private int _place;
    private int _value;

    private IndexLeafValues(T[] values, int[]? definitions, int[]? repetitions, int defined) =>
        (_values, _definitions, _repetitions, _defined) = (values, definitions, repetitions, defined);

    /// <summary>Whether the next place belongs to the list of the place before.</summary>
    public bool Repeats => _repetitions is not null && _place < _repetitions.Length && _repetitions[_place] > 0;

    private int Places => _definitions?.Length ?? _values.Length;

    public static async Task<IndexLeafValues<T>> Read(ParquetRowGroupReader group, DataField field, long most, CancellationToken cancellationToken)
    {
        var places = group.GetMetadata(field)?.MetaData?.NumValues ?? 0;
        if (places < 0 || places > most)
            throw new CurationException($"The index says {places} values in a group of {field.Path}; {most} may be.");
        var values = new T[places];
        var definitions = field.MaxDefinitionLevel > 0 ? new int[places] : null;
        var repetitions = field.MaxRepetitionLevel > 0 ? new int[places] : null;
        await group.ReadRawAsync<T>(field, values, definitions?.AsMemory(), repetitions?.AsMemory(), cancellationToken);
        return new IndexLeafValues<T>(values, definitions, repetitions, field.MaxDefinitionLevel);
    }

    /// <summary>Goes on by a place; false at the end and where there is no value.</summary>
    public bool Next(out T value)
    {
        value = default;
        if (_place >= Places)
            return false;
        if (_definitions is not null && _definitions[_place++] < _defined)
            return false;
        if (_definitions is null)
            _place++;
        value = _values[_value++];
        return true;
    }
}
