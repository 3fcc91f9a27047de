using System.Collections.Concurrent;
using Microsoft.Data.Sqlite;

namespace DurableTask.Sqlite;

/// <summary>Connections that only read, beside the writer's. They see what is committed; neither waits for the other, and a long look holds up no other look but when all are in use.</summary>
/// <param name="path">The journal, which the writer has opened.</param>
internal sealed class JournalReads(string path) : IDisposable
{
    private const int Most = 4;

    private readonly SemaphoreSlim _free = new(Most);
    private readonly ConcurrentBag<Journal> _idle = [];
    private volatile bool _isClosed;

    /// <exception cref="JournalException">The journal was closed, or cannot be read.</exception>
    public async Task<T> Run<T>(Func<Journal, T> read)
    {
        await _free.WaitAsync();
        try
        {
            if (_isClosed)
                throw new JournalException("The journal is closed.");
            if (!_idle.TryTake(out var journal))
                journal = Journal.Open(path, write: false, survivePowerLoss: false);
            try
            {
                return read(journal);
            }
            finally
            {
                _idle.Add(journal);
            }
        }
        catch (SqliteException error)
        {
            throw JournalFault.WhenRead(path, error);
        }
        finally
        {
            _free.Release();
        }
    }

    public void Dispose()
    {
        _isClosed = true;
        for (var taken = 0; taken < Most; taken++)
            _free.Wait();
        while (_idle.TryTake(out var journal))
            journal.Dispose();
        // Who comes later is told that it is closed.
        _free.Release(Most);
    }
}
