using Sana.Curation.Sources.Manifests;
using Sana.Storage.Sources;

namespace Sana.Curation.Sources;

/// <summary>
/// Images out of the cells of tables. A row group or record batch is unpacked as a whole, so the last few are kept for the items that follow: up to a bound
/// of bytes, but always the one that is read.
/// </summary>
internal sealed class TableCells(ISourceFiles files) : IDisposable
{
    private const long MostBytes = 512L * 1024 * 1024;
    private const int MostGroups = 16;

    private readonly Lock _lock = new();
    private readonly LinkedList<Group> _groups = new();
    private readonly SemaphoreSlim _loads = new(2);

    public void Dispose() => _loads.Dispose();

    /// <summary>The bytes of a cell: null where the cell has none; or the sentence that says why it cannot be read.</summary>
    /// <exception cref="SanaException">The place cannot be read.</exception>
    /// <exception cref="IOException">The table cannot be read.</exception>
    public async Task<(byte[]? Bytes, string? Fault)> Read(SourceCell cell, CancellationToken cancellationToken)
    {
        var group = Find(cell);
        try
        {
            var (values, fault) = await group.Values.Value.WaitAsync(cancellationToken);
            if (values is null)
                return (null, fault);
            Shrink(group);
            return cell.Row < 0 || cell.Row >= values.Count ? (null, "The table has no such row any more.") : (values[cell.Row]?.ToArray(), null);
        }
        catch (Exception) when (group.Values.Value.IsFaulted)
        {
            lock (_lock)
                _groups.Remove(group);
            throw;
        }
    }

    private Group Find(SourceCell cell)
    {
        lock (_lock)
        {
            for (var node = _groups.First; node is not null; node = node.Next)
            {
                if (node.Value.Of(cell))
                {
                    _groups.Remove(node);
                    _groups.AddFirst(node);
                    return node.Value;
                }
            }

            var group = new Group(cell, new Lazy<Task<(IReadOnlyList<ReadOnlyMemory<byte>?>?, string?)>>(() => Task.Run(() => Load(cell))));
            _groups.AddFirst(group);
            return group;
        }
    }

    private void Shrink(Group used)
    {
        lock (_lock)
        {
            var (bytes, count) = (0L, 0);
            for (var node = _groups.First; node is not null;)
            {
                var next = node.Next;
                bytes += node.Value.Bytes;
                if ((++count > MostGroups || bytes > MostBytes) && node.Value != used && node.Value.Values is { IsValueCreated: true, Value.IsCompleted: true })
                    _groups.Remove(node);
                node = next;
            }
        }
    }

    private async Task<(IReadOnlyList<ReadOnlyMemory<byte>?>? Values, string? Fault)> Load(SourceCell cell)
    {
        await _loads.WaitAsync();
        try
        {
            await using var stream = await files.Open(cell.File, default);
            if (stream is null)
                return (null, "The source has no such table.");
            return FileNames.TableEnding(cell.File) == "arrow" ? await new ArrowTable(stream, cell.File).Images(cell.Column, cell.Group, default)
                : await new ParquetTable(stream, cell.File).Images(cell.Column, cell.Group, default);
        }
        finally
        {
            _loads.Release();
        }
    }

    private sealed class Group(SourceCell cell, Lazy<Task<(IReadOnlyList<ReadOnlyMemory<byte>?>? Values, string? Fault)>> values)
    {
        public Lazy<Task<(IReadOnlyList<ReadOnlyMemory<byte>?>? Values, string? Fault)>> Values => values;

        public long Bytes => field > 0 || values is not { IsValueCreated: true, Value.IsCompletedSuccessfully: true } ? field
            : field = values.Value.Result.Values?.Sum(value => (long)(value?.Length ?? 0)) ?? 1;

        public bool Of(SourceCell other) => (cell.File, cell.Column, cell.Group) == (other.File, other.Column, other.Group);
    }
}
