using Microsoft.Data.Sqlite;

namespace DurableTask.Sqlite;

/// <summary>
/// One thread writes the journal (group commit). What is posted while it commits goes into its next transaction, so that under load one flush to the disk
/// serves many completions. <c>after</c> runs on the writer thread once the transaction is on the disk. A transaction that the disk refuses is rolled back and done again, so a work may run
/// more than once before its <c>after</c>: it changes nothing but the journal.
/// </summary>
internal sealed class JournalWriter : IDisposable
{
    // How long a write that nobody waits for may wait for others, in milliseconds.
    private const long MaxWaitMs = 2;

    private static readonly TimeSpan _firstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan _longestPause = TimeSpan.FromSeconds(5);

    private readonly object _gate = new();
    private readonly SqliteConnection _connection;
    private readonly Action<JournalException> _broke;
    private readonly Thread _thread;
    private readonly TaskCompletionSource<JournalException> _end = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private List<Entry> _waiting = [];
    private bool _urgent;
    private long _oldest;
    private bool _closed;
    private bool _abandoned;
    private long _commits;
    private volatile JournalUnavailableException? _unavailable;

    /// <param name="connection">Used by the writer thread alone once <see cref="Start"/> was called.</param>
    /// <param name="broke">Called once, when the journal cannot be written any more.</param>
    public JournalWriter(SqliteConnection connection, Action<JournalException> broke)
    {
        (_connection, _broke) = (connection, broke);
        _thread = new Thread(Write) { IsBackground = true, Name = "journal" };
    }

    /// <value>Runs first in each transaction.</value>
    public Action Begun { get; init; } = () => { };

    /// <value>Runs after each commit, before what waits for it.</value>
    public Action Committed { get; init; } = () => { };

    /// <value>Told when the journal cannot be written for now, and with null when it can be again.</value>
    public Action<JournalUnavailableException?> Changed { get; init; } = _ => { };

    /// <summary>Why the journal cannot be written at present; null when it can.</summary>
    public JournalUnavailableException? Unavailable => _unavailable;

    /// <summary>Transactions that were written.</summary>
    public long Commits => Interlocked.Read(ref _commits);

    public void Start() => _thread.Start();

    /// <summary>Writes in the next transaction. Ignored once closed or broken.</summary>
    /// <param name="work">Runs inside the transaction.</param>
    /// <param name="after">Runs after the commit.</param>
    /// <param name="canWait">Nobody waits for this write: it goes with the next one that is waited for, or alone after some milliseconds.</param>
    public void Post(Action work, Action? after = null, bool canWait = false) => Post(new Entry(work, after, null), canWait);

    /// <summary>Writes in the next transaction and completes after its commit and after <paramref name="after"/>.</summary>
    /// <exception cref="JournalException">The journal was closed or broke before.</exception>
    public Task<T> Ask<T>(Func<T> work, Action<T>? after = null) => Ask(work, after, canRefuse: false);

    /// <summary>The same for what may be refused: it is not kept waiting while the journal cannot be written.</summary>
    /// <exception cref="JournalUnavailableException">The journal cannot be written at present, and nothing of this was.</exception>
    /// <exception cref="JournalException">The journal was closed or broke before.</exception>
    public Task<T> Offer<T>(Func<T> work, Action<T>? after = null) => Ask(work, after, canRefuse: true);

    /// <summary>Writes what is waiting, if it can be written, and ends the thread.</summary>
    public void Dispose() => Close(abandon: false);

    /// <summary>Ends the thread as a killed process would: what is not committed is lost.</summary>
    public void Abandon() => Close(abandon: true);

    private void Post(Entry entry, bool canWait)
    {
        lock (_gate)
        {
            if (_closed)
                return;
            if (_unavailable is { } fault && entry.Refuse is { } refuse)
            {
                refuse(fault);
                return;
            }

            var isFirst = _waiting.Count == 0;
            if (isFirst)
                _oldest = Environment.TickCount64;
            _waiting.Add(entry);
            if (canWait && !isFirst)
                return;
            _urgent |= !canWait;
            Monitor.Pulse(_gate);
        }
    }

    private async Task<T> Ask<T>(Func<T> work, Action<T>? after, bool canRefuse)
    {
        var answer = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        T value = default!;
        Exception? refused = null;
        Post(
            new Entry(
                () =>
                {
                    refused = null;
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
                },
                canRefuse ? fault => answer.TrySetException(fault) : null),
            canWait: false);
        await Task.WhenAny(answer.Task, _end.Task);
        return answer.Task.IsCompleted ? await answer.Task : throw await _end.Task;
    }

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
        List<Entry> batch = [];
        try
        {
            while (Take(ref batch) && Commit(batch))
            {
                Committed();
                foreach (var entry in batch)
                    entry.After?.Invoke();
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

    /// <summary>Writes a transaction, again and again while the disk refuses it. False when the writer was closed before it could.</summary>
    private bool Commit(List<Entry> batch)
    {
        for (var pause = _firstPause; ; pause = pause * 2 < _longestPause ? pause * 2 : _longestPause)
        {
            try
            {
                Execute("BEGIN IMMEDIATE");
                Begun();
                foreach (var entry in batch)
                    entry.Work();
                if (_abandoned)
                    return false;
                Execute("COMMIT");
                Interlocked.Increment(ref _commits);
                if (_unavailable is not null)
                    Become(null);
                return true;
            }
            catch (SqliteException error) when (JournalFault.MayPass(error))
            {
                RollBack();
                Become(JournalFault.Unavailable(_connection.DataSource, error));
                Refuse(batch);
                if (!Pause(pause))
                    return false;
            }
        }
    }

    private void Become(JournalUnavailableException? fault)
    {
        var isChange = _unavailable is null != fault is null;
        lock (_gate)
            _unavailable = fault;
        if (isChange)
            Changed(fault);
    }

    /// <summary>What can be refused does not wait for the disk. Nothing of it is written: the transaction was rolled back.</summary>
    private void Refuse(List<Entry> batch)
    {
        var fault = _unavailable!;
        List<Entry> refused;
        lock (_gate)
        {
            refused = [.. batch.Concat(_waiting).Where(entry => entry.Refuse is not null)];
            batch.RemoveAll(entry => entry.Refuse is not null);
            _waiting.RemoveAll(entry => entry.Refuse is not null);
        }

        foreach (var entry in refused)
            entry.Refuse!(fault);
    }

    /// <summary>False when the writer is to end: then the transaction has had its last attempt.</summary>
    private bool Pause(TimeSpan time)
    {
        lock (_gate)
        {
            if (_closed)
                return false;
            for (var begun = Environment.TickCount64; !_closed && time.TotalMilliseconds - (Environment.TickCount64 - begun) is var rest and > 0;)
                Monitor.Wait(_gate, (int)Math.Ceiling(rest));
            return !_abandoned;
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

    private bool Take(ref List<Entry> batch)
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
        var broken = JournalFault.Broken(_connection.DataSource, error);
        RollBack();
        _end.TrySetResult(broken);
        _broke(broken);
    }

    /// <param name="Work">Runs inside the transaction.</param>
    /// <param name="After">Runs after the commit.</param>
    /// <param name="Refuse">Instead of both while the journal cannot be written; null for what waits until it can be.</param>
    private sealed record Entry(Action Work, Action? After, Action<JournalUnavailableException>? Refuse);
}
