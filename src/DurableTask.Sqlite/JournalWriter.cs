using Microsoft.Data.Sqlite;

namespace DurableTask.Sqlite;

/// <summary>
/// One thread writes the journal (group commit). What is posted while it commits goes into its next transaction, so that under load one flush to the disk
/// serves many completions. <c>after</c> runs on the writer thread once the transaction is on the disk.
/// </summary>
internal sealed class JournalWriter : IDisposable
{
    // How long a write that nobody waits for may wait for others, in milliseconds.
    private const long MaxWaitMs = 2;

    private readonly object _gate = new();
    private readonly SqliteConnection _connection;
    private readonly Action<JournalException> _broke;
    private readonly Thread _thread;
    private readonly TaskCompletionSource<JournalException> _end = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private List<(Action Work, Action? After)> _waiting = [];
    private bool _urgent;
    private long _oldest;
    private bool _closed;
    private bool _abandoned;
    private long _commits;

    /// <param name="connection">Used by the writer thread alone once <see cref="Start"/> was called.</param>
    /// <param name="broke">Called once, when the journal cannot be written any more.</param>
    public JournalWriter(SqliteConnection connection, Action<JournalException> broke)
    {
        (_connection, _broke) = (connection, broke);
        _thread = new Thread(Write) { IsBackground = true, Name = "journal" };
    }

    /// <summary>Transactions that were written.</summary>
    public long Commits => Interlocked.Read(ref _commits);

    public void Start() => _thread.Start();

    /// <summary>Writes in the next transaction. Ignored once closed or broken.</summary>
    /// <param name="work">Runs inside the transaction.</param>
    /// <param name="after">Runs after the commit.</param>
    /// <param name="canWait">Nobody waits for this write: it goes with the next one that is waited for, or alone after some milliseconds.</param>
    public void Post(Action work, Action? after = null, bool canWait = false)
    {
        lock (_gate)
        {
            if (_closed)
                return;
            var isFirst = _waiting.Count == 0;
            if (isFirst)
                _oldest = Environment.TickCount64;
            _waiting.Add((work, after));
            if (canWait && !isFirst)
                return;
            _urgent |= !canWait;
            Monitor.Pulse(_gate);
        }
    }

    /// <summary>Writes in the next transaction and completes after its commit and after <paramref name="after"/>.</summary>
    /// <exception cref="JournalException">The journal was closed or broke before.</exception>
    public async Task<T> Ask<T>(Func<T> work, Action<T>? after = null)
    {
        var answer = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        T value = default!;
        Exception? refused = null;
        Post(
            () =>
            {
                try
                {
                    value = work();
                }
                catch (Exception error) when (error is not SqliteException)
                {
                    // The work refused before it wrote anything: its caller is told, and the others in the transaction are not concerned.
                    refused = error;
                }
            },
            () =>
            {
                if (refused is not null)
                {
                    answer.TrySetException(refused);
                    return;
                }

                after?.Invoke(value);
                answer.TrySetResult(value);
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
        _end.TrySetResult(new JournalException("The journal is closed."));
    }

    private void Write()
    {
        List<(Action Work, Action? After)> batch = [];
        try
        {
            while (Take(ref batch))
            {
                Execute("BEGIN IMMEDIATE");
                foreach (var (work, _) in batch)
                    work();
                if (_abandoned)
                    return;
                Execute("COMMIT");
                Interlocked.Increment(ref _commits);
                foreach (var (_, after) in batch)
                    after?.Invoke();
            }
        }
        catch (Exception error)
        {
            Break(error);
        }
        finally
        {
            _end.TrySetResult(new JournalException("The journal is closed."));
        }
    }

    /// <summary>The file is not to stay locked for others.</summary>
    private void RollBack()
    {
        try
        {
            Execute("ROLLBACK");
        }
        catch (SqliteException)
        {
            // SQLite has rolled back already, or it cannot: closing the file does it.
        }
    }

    private void Execute(string sql)
    {
        using var command = _connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private bool Take(ref List<(Action Work, Action? After)> batch)
    {
        batch.Clear();
        lock (_gate)
        {
            while (!_urgent && !_closed)
            {
                if (_waiting.Count == 0)
                    Monitor.Wait(_gate);
                else if (_oldest + MaxWaitMs - Environment.TickCount64 is var rest and > 0)
                    Monitor.Wait(_gate, (int)rest);
                else
                    break;
            }

            _urgent = false;
            (batch, _waiting) = (_waiting, batch);
            return batch.Count > 0 && !_abandoned;
        }
    }

    private void Break(Exception error)
    {
        lock (_gate)
            _closed = true;
        var broken = new JournalException(
            $"The journal {_connection.DataSource} cannot be written any more: {error.Message} What was recorded is safe; remove the cause and start again.", error);
        RollBack();
        _end.TrySetResult(broken);
        _broke(broken);
    }
}
