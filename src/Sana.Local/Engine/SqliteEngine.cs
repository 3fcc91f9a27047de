using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;
using Sana.Workflows.Contract;

namespace Sana.Local.Engine;

/// <summary>Runs workflows on this machine. All that an instance has seen stands in one SQLite file; a process killed at any instant goes on where it stood.</summary>
/// <remarks>
/// A circle of four. The <see cref="Journal"/> writes what happened, in groups, on one thread (<see cref="GroupCommit"/>). Once it is on disk, the row goes
/// to its <see cref="LiveInstance"/>, whose <see cref="Execution"/> runs the workflow's code up to its next wait. What it asked for is carried out by the
/// <see cref="Conductor"/>: steps by the <see cref="Dispatcher"/>, timers by the <see cref="TimerQueue"/>, children as new instances. Their ends go to the
/// journal.
/// <para>Nothing is written when a call is made. After a crash the code runs again over its rows and asks again for what has not ended, and that is done
/// (again): steps run at least once, and their ends are recorded exactly once.</para>
/// <para>This class is the face: it turns wishes from outside into work for the writer thread. Fields marked "writer" belong to that thread.</para>
/// </remarks>
public sealed class SqliteEngine : IWorkflowClient, IAsyncDisposable
{
    private readonly SqliteEngineOptions _options;
    private readonly WorkflowRegistry _registry;
    private readonly Lease _lease;
    private readonly CancellationTokenSource _stopping = new();
    private readonly GroupCommit _writer;
    private readonly TimerQueue _timers;
    private readonly Journal _journal; // writer
    private readonly JournalReader _reader; // writer
    private readonly Conductor _conductor; // writer
    private readonly Waiters _waiters = new(); // writer
    private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private SqliteEngine(SqliteEngineOptions options, WorkflowRegistry registry, string path, Lease lease)
    {
        (_options, _registry, _lease) = (options, registry, lease);
        var connection = JournalSchema.Open(path, write: true, options.SurvivePowerLoss);
        _journal = new Journal(connection);
        _reader = new JournalReader(connection, key => _conductor!.InFlight(key));
        _writer = new GroupCommit(connection, Break);
        _timers = new TimerQueue(options.Clock);
        _conductor = new Conductor(_journal, _writer, _timers, registry, options, Now, id => _waiters.Answer(id, _reader.Find), _stopping.Token);
    }

    /// <summary>Ends when the engine is closed, with an <see cref="EngineException"/> when the journal broke.</summary>
    public Task Stopped => _stopped.Task;

    /// <summary>Takes the journal, goes on with every instance that runs in it (their steps may begin before this returns), and accepts new ones.</summary>
    /// <param name="options">Where the journal stands and how much runs at once.</param>
    /// <param name="registry">Which code runs under which name.</param>
    /// <exception cref="EngineException">Another process owns the journal, or it cannot be opened.</exception>
    public static SqliteEngine Open(SqliteEngineOptions options, WorkflowRegistry registry)
    {
        var path = Path.GetFullPath(options.Path);
        Lease? lease = null;
        SqliteEngine? engine = null;
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            lease = Lease.Take(path, options.Clock.GetUtcNow().UtcDateTime);
            engine = new SqliteEngine(options, registry, path, lease);
            engine._conductor.Recover();
            engine._writer.Start();
            engine.ForgetOld();
            return engine;
        }
        catch (Exception error)
        {
            engine?.Abandon();
            lease?.Dispose();
            if (error is SqliteException or IOException or UnauthorizedAccessException)
                throw new EngineException($"The journal {path} cannot be opened: {error.Message} Repair it or use another data folder.", error);
            throw;
        }
    }

    /// <inheritdoc />
    /// <exception cref="ArgumentException">The id is not allowed, the input too long, or this program has no such workflow.</exception>
    public async Task<StartOutcome> Start<TIn, TOut>(Workflow<TIn, TOut> workflow, TIn input, string? id = null, bool restartFinished = false)
    {
        id = InstanceName.Check(id ?? Guid.CreateVersion7().ToString());
        if (_registry.FindWorkflow(workflow.Name) is null)
            throw new ArgumentException($"Workflow '{workflow.Name}' is not registered; there are {string.Join(", ", _registry.Workflows)}.", nameof(workflow));
        var json = WorkflowJson.Write(input);
        var started = await _writer.Ask(
            () =>
            {
                if (restartFinished)
                    _journal.Purge(id);
                var key = _journal.Start(id, workflow.Name, json, Now(), null);
                return (Key: key, Outcome: new StartOutcome(_reader.Find(id)!, key is not null));
            },
            started => _conductor.Activate(started.Key));
        return started.Outcome;
    }

    /// <inheritdoc />
    public Task<bool> RaiseEvent<T>(string id, string name, T payload)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        var row = new HistoryRow(RowKind.Event, HistoryRow.Outside, name, 0, Now(), 1, WorkflowJson.Write(payload), null);
        return Change(() => _journal.Unfinished(id) is { } key ? _conductor.Append(key, null, row) : null);
    }

    /// <inheritdoc />
    public Task<WorkflowInstance?> Get(string id) => _writer.Ask(() => _reader.Find(id));

    /// <inheritdoc />
    public Task<IReadOnlyList<WorkflowInstance>> List(InstanceQuery query) => _writer.Ask(() => _reader.List(query));

    /// <inheritdoc />
    public async Task<WorkflowInstance> Wait(string id, CancellationToken cancellation = default)
    {
        var waiter = new TaskCompletionSource<WorkflowInstance>(TaskCreationOptions.RunContinuationsAsynchronously);
        await _writer.Ask(
            () => _reader.Find(id),
            found =>
            {
                if (found is null)
                    waiter.SetException(new KeyNotFoundException($"No instance has the id {id}."));
                else if (found.IsFinished || found.Status == WorkflowStatus.Refused)
                    waiter.SetResult(found);
                else
                    _waiters.Add(id, waiter);
            });
        try
        {
            return await waiter.Task.WaitAsync(cancellation);
        }
        catch (OperationCanceledException)
        {
            _writer.Post(() => () => _waiters.Remove(id, waiter));
            throw;
        }
    }

    /// <inheritdoc />
    public Task<bool> Cancel(string id, string reason) => Change(() => _conductor.Cancel(id, reason));

    /// <inheritdoc />
    public Task<bool> Suspend(string id) => Change(() =>
    {
        var held = _journal.UnfinishedFamily(id).FindAll(key => _journal.Suspend(key, Now()));
        return held.Count == 0 ? null : () => held.ForEach(_conductor.Suspend);
    });

    /// <inheritdoc />
    public Task<bool> Resume(string id) => Change(() =>
    {
        var resumed = _journal.UnfinishedFamily(id).FindAll(key => _journal.Resume(key, Now()));
        return resumed.Count == 0 ? null : () => resumed.ForEach(_conductor.Continue);
    });

    /// <inheritdoc />
    public Task<bool> Terminate(string id, string reason) => Change(() =>
    {
        // Parents come first, so that only the one above the first hears of it.
        var ended = _journal.UnfinishedFamily(id).ConvertAll(key => _journal.End(key, null, WorkflowStatus.Terminated, null, "Terminated", reason, Now()));
        return ended.Count == 0 ? null : () => ended.ForEach(_conductor.Forget);
    });

    /// <inheritdoc />
    public Task<bool> Purge(string id) => _writer.Ask(() => _journal.Purge(id));

    /// <inheritdoc />
    public async Task<int> PurgeFinished(DateTime before)
    {
        var count = 0;
        foreach (var id in await _writer.Ask(() => _journal.FinishedBefore(before)))
            count += await Purge(id) ? 1 : 0;
        return count;
    }

    /// <summary>Starts no further step, lets the running ones end within the grace, writes what ended and gives the journal up.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        _timers.Dispose();
        await Task.WhenAny(_conductor.Drain(), Task.Delay(_options.Grace));
        Close(_writer.Dispose);
    }

    /// <summary>Leaves as a killed process does: nothing more is written, running steps are forgotten, the lease ends.</summary>
    internal void Abandon()
    {
        _stopping.Cancel();
        _timers.Dispose();
        Close(_writer.Abandon);
    }

    /// <summary>What the journal's clock can hold: whole milliseconds, so that live and replayed times are equal.</summary>
    private DateTime Now() => Journal.Time(Journal.Time(_options.Clock.GetUtcNow().UtcDateTime));

    /// <summary>True when there was something to change: then, after the commit, what <paramref name="write"/> returned is run.</summary>
    private async Task<bool> Change(Func<Action?> write) => await _writer.Ask(write, then => then?.Invoke()) is not null;

    private void ForgetOld()
    {
        if (_options.Retention == Timeout.InfiniteTimeSpan)
            return;
        _ = PurgeFinished(Now() - _options.Retention);
        _timers.Add(Now() + TimeSpan.FromHours(1), ForgetOld);
    }

    /// <summary>The writer cannot go on: no step is begun any more, and whoever waits is told.</summary>
    private void Break(EngineException error)
    {
        _options.Logging.CreateLogger<SqliteEngine>().Broke(error);
        _ = _stopping.CancelAsync();
        _waiters.Fail(error);
        _stopped.TrySetException(error);
    }

    private void Close(Action endWriter)
    {
        endWriter();
        _conductor.Dispose();
        _waiters.Fail(new EngineException("The engine was closed; the instance goes on when it is opened again."));
        _journal.Dispose();
        _reader.Dispose();
        _lease.Dispose();
        _stopped.TrySetResult();
    }
}
