using Microsoft.Data.Sqlite;

namespace Sana.Local.Engine;

/// <summary>
/// One thread writes the journal. Whatever was posted while it committed goes into its next transaction, so that under load one flush to disk
/// pays for hundreds of completions, and what was posted is heard of (<c>after</c>) only once it is on disk.
/// </summary>
internal sealed class GroupCommit : IDisposable
{
    private readonly object _gate = new();
    private readonly SqliteConnection _connection;
    private readonly Action<EngineException> _broke;
    private readonly Thread _thread;
    private readonly TaskCompletionSource<EngineException> _end = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private List<Func<Action?>> _waiting = [];
    private bool _closed;
    private bool _abandoned;

    /// <param name="connection">Used by the writer thread alone once <see cref="Start"/> was called.</param>
    /// <param name="broke">Told once, when the journal cannot be written any more.</param>
    public GroupCommit(SqliteConnection connection, Action<EngineException> broke)
    {
        (_connection, _broke) = (connection, broke);
        _thread = new Thread(Write) { IsBackground = true, Name = "journal" };
    }

    public void Start() => _thread.Start();

    /// <summary>Writes in the next transaction; what <paramref name="work"/> returns runs after its commit, on the writer thread. Ignored once closed or broken.</summary>
    public void Post(Func<Action?> work)
    {
        lock (_gate)
        {
            if (_closed)
                return;
            _waiting.Add(work);
            Monitor.Pulse(_gate);
        }
    }

    /// <summary>Writes in the next transaction and completes after its commit and after <paramref name="then"/>.</summary>
    /// <exception cref="EngineException">The journal was closed or broke before.</exception>
    public async Task<T> Ask<T>(Func<T> work, Action<T>? then = null)
    {
        var answer = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        Post(() =>
        {
            var value = work();
            return () =>
            {
                then?.Invoke(value);
                answer.TrySetResult(value);
            };
        });
        await Task.WhenAny(answer.Task, _end.Task);
        return answer.Task.IsCompleted ? await answer.Task : throw await _end.Task;
    }

    /// <summary>Writes what is waiting and ends the thread.</summary>
    public void Dispose() => Close(abandon: false);

    /// <summary>Ends the thread as a killed process would: what is not committed is lost.</summary>
    public void Abandon() => Close(abandon: true);

    private void Close(bool abandon)
    {
        lock (_gate)
        {
            _closed = true;
            _abandoned |= abandon;
            Monitor.Pulse(_gate);
        }

        if (Thread.CurrentThread != _thread && _thread.IsAlive)
            _thread.Join();
    }

    private void Write()
    {
        List<Func<Action?>> batch = [];
        List<Action> after = [];
        try
        {
            while (Take(ref batch))
            {
                Execute("BEGIN IMMEDIATE");
                foreach (var work in batch)
                {
                    if (work() is { } then)
                        after.Add(then);
                }

                if (_abandoned)
                    return;
                Execute("COMMIT");
                foreach (var then in after)
                    then();
                after.Clear();
            }
        }
        catch (Exception error)
        {
            Break(error);
        }
        finally
        {
            _end.TrySetResult(new EngineException("The engine is closed."));
        }
    }

    private void Execute(string sql)
    {
        using var command = _connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private bool Take(ref List<Func<Action?>> batch)
    {
        batch.Clear();
        lock (_gate)
        {
            while (_waiting.Count == 0 && !_closed)
                Monitor.Wait(_gate);
            (batch, _waiting) = (_waiting, batch);
            return batch.Count > 0 && !_abandoned;
        }
    }

    private void Break(Exception error)
    {
        lock (_gate)
            _closed = true;
        var broken = new EngineException(
            $"The journal {_connection.DataSource} cannot be written any more: {error.Message} What was recorded is safe; cure that and start again.", error);
        _end.TrySetResult(broken);
        _broke(broken);
    }
}
