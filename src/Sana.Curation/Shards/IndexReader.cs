using System.Runtime.CompilerServices;
using Parquet;
using Parquet.Schema;

namespace Sana.Curation.Shards;

/// <summary>Reads of a shard's index what choosing again needs, one group of rows at a time: only these columns are touched.</summary>
public static class IndexReader
{
    // Far above any shard of ours; a damaged file may claim what it likes.
    private const long MostValues = 50_000_000;

    /// <summary>
    /// Rows with key, shard, row, source_uri, status, reason, caption_label, and of the candidates label, text, score and reason. All else has its default.
    /// </summary>
    /// <param name="parquet">A shard's <c>.parquet</c>, seekable.</param>
    /// <param name="scorer">A further scorer, whose scores are read in the place of those that the dataset chose by; null for these.</param>
    /// <param name="cancellationToken">Stops between groups.</param>
    /// <exception cref="CurationException">The file is damaged or lacks a column.</exception>
    public static async IAsyncEnumerable<IndexRow> Read(Stream parquet, string? scorer, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(parquet);
        await using var reader = await Guarded(() => ParquetReader.CreateAsync(parquet, leaveStreamOpen: true, cancellationToken: cancellationToken));
        for (var group = 0; group < reader.RowGroupCount; group++)
        {
            foreach (var row in await Guarded(() => Group(reader, group, scorer, cancellationToken)))
                yield return row;
        }
    }

    private static async Task<IEnumerable<IndexRow>> Group(ParquetReader reader, int index, string? scorer, CancellationToken cancellationToken)
    {
        using var group = reader.OpenRowGroupReader(index);
        Task<IndexLeafValues<ReadOnlyMemory<char>>> Text(params string[] path) => Leaf<ReadOnlyMemory<char>>(path);
        var (key, source, status) = (await Text("key"), await Text("source_uri"), await Text("status"));
        var (reason, chosen) = (await Text("reason"), await Text("caption_label"));
        var (shard, row) = (await Leaf<int>("shard"), await Leaf<int>("row"));
        var (label, text) = (await Text("candidates", "list", "element", "label"), await Text("candidates", "list", "element", "text"));
        var (score, against) = (await Leaf<double>("candidates", "list", "element", scorer is null ? "score" : $"score__{scorer}"), await Text("candidates", "list", "element", "reason"));
        return Rows();

        async Task<IndexLeafValues<T>> Leaf<T>(params string[] path)
            where T : struct
        {
            var field = Array.Find(reader.Schema.DataFields, field => field.Path.Equals(new FieldPath(path)))
                ?? throw new CurationException($"The index has no column {string.Join('.', path)}; choose again from a dataset that this version wrote.");
            return await IndexLeafValues<T>.Read(group, field, MostValues, cancellationToken);
        }

        IEnumerable<IndexRow> Rows()
        {
            var labels = new Names();
            while (key.Next(out var keyText))
            {
                yield return new IndexRow
                {
                    Key = keyText.ToString(),
                    SourceUri = Take(source)?.ToString() ?? "",
                    Status = labels.Intern(Take(status)) ?? "",
                    Reason = labels.Intern(Take(reason)),
                    CaptionLabel = labels.Intern(Take(chosen)),
                    Shard = Take(shard) ?? 0,
                    Row = Take(row) ?? 0,
                    Candidates = Candidates(),
                };
            }

            // The four columns are fields of one struct, so they repeat at the same places.
            List<Candidate> Candidates()
            {
                var candidates = new List<Candidate>();
                do
                {
                    if (labels.Intern(Take(label)) is { } name)
                        candidates.Add(new Candidate { Label = name, Text = Take(text)?.ToString(), Score = Take(score), Reason = labels.Intern(Take(against)) });
                    else
                        _ = (Take(text), Take(score), Take(against));
                }
                while (label.Repeats);
                return candidates;
            }
        }
    }

    private static T? Take<T>(IndexLeafValues<T> leaf)
        where T : struct => leaf.Next(out var value) ? value : null;

    private static async Task<T> Guarded<T>(Func<Task<T>> read)
    {
        try
        {
            return await read();
        }
        catch (Exception e) when (e is not (CurationException or OperationCanceledException))
        {
            // The library has no exception type of its own for a damaged file.
            throw new CurationException($"The index is not readable: {e.Message} Delete it and run the dataset again.", e);
        }
    }

    /// <summary>One string for a name however often it comes.</summary>
    private sealed class Names
    {
        private readonly HashSet<string> _known = new(StringComparer.Ordinal);

        public string? Intern(ReadOnlyMemory<char>? text)
        {
            if (text is not { } letters)
                return null;
            var known = _known.GetAlternateLookup<ReadOnlySpan<char>>();
            if (!known.TryGetValue(letters.Span, out var name))
                _known.Add(name = letters.ToString());
            return name;
        }
    }
}

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
