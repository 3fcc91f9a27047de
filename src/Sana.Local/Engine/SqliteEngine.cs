using Microsoft.Extensions.Logging;
using Sana.Workflows.Contract;

namespace Sana.Local.Engine;

/// <summary>Runs workflows on this machine. All that an instance has seen stands in one SQLite file; a process killed at any instant goes on where it stood.</summary>
/// <remarks>
/// A circle of four: the <see cref="Journal"/> writes what happened, in groups, on one thread (<see cref="GroupCommit"/>) · once on disk, the row goes to its
/// <see cref="LiveInstance"/>, whose <see cref="Execution"/> runs the workflow's code up to its next wait · what it asked for is carried out here: steps by the
/// <see cref="Dispatcher"/>, timers by the <see cref="TimerQueue"/>, children by a new instance · their ends are written to the journal.
/// Nothing is written when a call is made: after a crash the code is replayed over its rows, asks again for what has not ended, and that is done (again).
/// Hence steps run at least once, and their ends are recorded exactly once.
/// <para>Fields marked "writer" belong to the writer thread; rows reach instances from that thread only, so their order is the journal's.</para>
/// </remarks>
public sealed class SqliteEngine : IWorkflowClient, IAsyncDisposable
{
    private readonly SqliteEngineOptions _options;
    private readonly WorkflowRegistry _registry;
    private readonly ILogger _log;
    private readonly Lease _lease;
    private readonly CancellationTokenSource _stopping = new();
    private readonly GroupCommit _writer;
    private readonly TimerQueue _timers;
    private readonly Dispatcher _dispatcher;
    private readonly Journal _journal; // writer
    private readonly JournalReader _reader; // writer
    private readonly Dictionary<long, LiveInstance> _live = []; // writer
    private readonly Dictionary<string, List<TaskCompletionSource<WorkflowInstance>>> _waiters = []; // writer
    private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private SqliteEngine(SqliteEngineOptions options, WorkflowRegistry registry)
    {
        (_options, _registry, _log) = (options, registry, options.Logging.CreateLogger<SqliteEngine>());
        var path = Path.GetFullPath(options.Path);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        _lease = Lease.Take(path, Now());
        try
        {
            var connection = JournalSchema.Open(path, write: true, options.SurvivePowerLoss);
            _journal = new Journal(connection);
            _reader = new JournalReader(connection, key => _live.TryGetValue(key, out var live) ? live.Execution.InFlight : 0);
            _writer = new GroupCommit(connection, Break);
        }
        catch
        {
            _lease.Dispose();
            throw;
        }

        _timers = new TimerQueue(options.Clock);
        _dispatcher = new Dispatcher(registry, options.MaxParallelSteps, Now, Record, _stopping.Token);
    }

    /// <summary>Ends when the engine is closed, with an <see cref="EngineException"/> when the journal broke.</summary>
    public Task Stopped => _stopped.Task;

    /// <summary>Takes the journal, goes on with every instance that runs in it, and accepts new ones.</summary>
    /// <param name="options">Where the journal stands and how much runs at once.</param>
    /// <param name="registry">Which code runs under which name.</param>
    /// <exception cref="EngineException">Another process owns the journal, or it cannot be opened.</exception>
    public static SqliteEngine Open(SqliteEngineOptions options, WorkflowRegistry registry)
    {
        var engine = new SqliteEngine(options, registry);
        engine.Recover();
        engine._writer.Start();
        engine.ForgetOld();
        return engine;
    }

    /// <inheritdoc />
    public async Task<StartOutcome> Start<TIn, TOut>(Workflow<TIn, TOut> workflow, TIn input, string? id = null, bool restartFinished = false)
    {
        id = InstanceName.Check(id ?? Guid.CreateVersion7().ToString());
        var json = WorkflowJson.Write(input);
        var (_, outcome) = await _writer.Ask(
            () =>
            {
                if (restartFinished)
                    _journal.Purge(id);
                var key = _journal.Start(id, workflow.Name, json, Now(), null);
                return (Key: key, new StartOutcome(_reader.Find(id)!, key is not null));
            },
            started => Activate(started.Key));
        return outcome;
    }

    /// <inheritdoc />
    public Task<bool> RaiseEvent<T>(string id, string name, T payload)
    {
        var row = new HistoryRow(RowKind.Event, -1, name, 0, Now(), 1, WorkflowJson.Write(payload), null);
        return Change(() => _journal.Unfinished(id) is { } key ? Append(key, null, row) : null);
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
                else if (!_waiters.TryAdd(id, [waiter]))
                    _waiters[id].Add(waiter);
            });
        try
        {
            return await waiter.Task.WaitAsync(cancellation);
        }
        catch (OperationCanceledException)
        {
            _writer.Post(() => () => _waiters.GetValueOrDefault(id)?.Remove(waiter));
            throw;
        }
    }

    /// <inheritdoc />
    public Task<bool> Cancel(string id, string reason) => Change(() =>
    {
        // Its children hear of it from their parent's turn: those that are only just being made would be missed here.
        if (_journal.Unfinished(id) is not { } key)
            return null;
        var resumed = _journal.Resume(key, Now());
        var heard = _journal.IsCanceled(key) ? () => { } : Append(key, null, new HistoryRow(RowKind.Cancel, -1, "", 0, Now(), 1, reason, null));
        return () =>
        {
            heard();
            if (resumed)
                Continue(key);
        };
    });

    /// <inheritdoc />
    public Task<bool> Suspend(string id) => Change(() =>
    {
        var held = _journal.UnfinishedFamily(id).FindAll(key => _journal.Suspend(key, Now()));
        return held.Count == 0 ? null : () => held.ForEach(key => _live.GetValueOrDefault(key)?.Suspend());
    });

    /// <inheritdoc />
    public Task<bool> Resume(string id) => Change(() =>
    {
        var resumed = _journal.UnfinishedFamily(id).FindAll(key => _journal.Resume(key, Now()));
        return resumed.Count == 0 ? null : () => resumed.ForEach(Continue);
    });

    /// <inheritdoc />
    public Task<bool> Terminate(string id, string reason) => Change(() =>
    {
        // Parents come first, so that only the one above the first hears of it.
        var ended = _journal.UnfinishedFamily(id).ConvertAll(key => _journal.End(key, null, WorkflowStatus.Terminated, null, "Terminated", reason, Now()));
        return ended.Count == 0 ? null : () => ended.ForEach(Forget);
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
        await Task.WhenAny(_dispatcher.Drain(), Task.Delay(_options.Grace));
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

    private Action Append(long instance, int? run, HistoryRow row)
    {
        var written = _journal.Append(instance, run, row);
        return () => Deliver(instance, written);
    }

    private void Deliver(long instance, HistoryRow? row)
    {
        if (row is not null && _live.TryGetValue(instance, out var live))
            live.Post(row);
    }

    private void Recover()
    {
        foreach (var key in _journal.InStatus(WorkflowStatus.Refused))
            _journal.Resume(key, Now());
        foreach (var key in _journal.InStatus(WorkflowStatus.Running))
            Activate(key);
    }

    /// <summary>Brings an instance into memory: its first turn replays what it has seen.</summary>
    private void Activate(long? instance)
    {
        if (instance is not { } key || _journal.Load(key) is not { } recorded)
            return;
        if (_registry.FindWorkflow(recorded.Workflow) is not { } body)
        {
            var sentence = $"Workflow '{recorded.Workflow}' of instance {recorded.Id} is not registered in this program; run it with one that has it.";
            _writer.Post(() => Refuse(recorded, new Outcome(Ending.Refused, sentence, "UnknownWorkflow")));
            return;
        }

        var live = new LiveInstance(
            recorded,
            self => new Execution(recorded, body, _options.Logging.CreateLogger(recorded.Workflow), self.Wake),
            CarryOut,
            _stopping.Token);
        _live[key] = live;
        live.Wake();
    }

    private void Continue(long instance)
    {
        if (!_live.TryGetValue(instance, out var live))
            Activate(instance);
        else
            live.Resume().ToList().ForEach(_dispatcher.Enqueue);
    }

    /// <summary>Does what a turn decided. Runs on the instance's logical thread.</summary>
    private void CarryOut(LiveInstance live, Turn turn)
    {
        var (key, run) = (live.Recorded.Key, live.Recorded.Run);
        foreach (var call in turn.Dropped)
            CallOff(live, call);
        if (turn.Status is { } status)
        {
            _writer.Post(() =>
            {
                _journal.SetStatus(key, run, status);
                return null;
            });
        }

        foreach (var call in turn.Calls)
        {
            switch (call.Kind)
            {
                case RowKind.Step:
                    BeginStep(live, call);
                    break;
                case RowKind.Workflow:
                    _writer.Post(() => BeginChild(key, run, call));
                    break;
                default:
                    live.SetTimer(_timers, call, () =>
                    {
                        live.StopTimer(call);
                        _writer.Post(() => Append(key, run, new HistoryRow(RowKind.Timer, call.Number, call.Name, call.Hash, Now(), 1, null, null)));
                    });
                    break;
            }
        }

        if (turn.Outcome is { } outcome)
            _writer.Post(() => Conclude(live, outcome));
    }

    private void CallOff(LiveInstance live, Call call)
    {
        if (call.Kind == RowKind.Step)
            live.CancelSteps();
        else if (call.Kind == RowKind.Timer)
            live.StopTimer(call);
        else
            _ = Cancel(call.ChildId, $"its parent {live.Recorded.Id} was canceled");
    }

    private void BeginStep(LiveInstance live, Call call)
    {
        var first = new StepRun(live, call, 1, live.Steps);
        if (live.Recorded.Retries.TryGetValue(call.Number, out var failed))
            _timers.Add(failed.Due, () => _dispatcher.Enqueue(first with { Attempt = failed.Attempts + 1 }));
        else
            _dispatcher.Enqueue(first);
    }

    /// <summary>A step's attempt ended. Runs on the dispatcher's threads.</summary>
    private void Record(StepRun step, StepEnd end)
    {
        var (key, run) = (step.Instance.Recorded.Key, step.Instance.Recorded.Run);
        _writer.Post(() =>
        {
            if (end.Row is { } row)
                return Append(key, run, row);
            _journal.Retry(key, run, step.Call.Number, step.Attempt, end.Due);
            return () => _timers.Add(end.Due, () => _dispatcher.Enqueue(step with { Attempt = step.Attempt + 1 }));
        });
    }

    private Action? BeginChild(long parent, int run, Call call)
    {
        var caller = new Caller(parent, run, call.Number, call.Hash);
        if (_journal.Start(call.ChildId, call.Name, call.Input, Now(), caller) is { } child)
            return () => Activate(child);
        // Made before the process was killed: it runs, or its end is in the parent's history.
        if (_journal.IsChildOf(call.ChildId, caller))
            return null;
        var taken = $"The id {call.ChildId} is taken by another instance; give each child an id of its own.";
        return Append(parent, run, new HistoryRow(RowKind.Workflow, call.Number, call.Name, call.Hash, Now(), 1, taken, "InstanceExists"));
    }

    private Action? Conclude(LiveInstance live, Outcome outcome)
    {
        var recorded = live.Recorded;
        if (outcome.How == Ending.Refused)
            return Refuse(recorded, outcome);
        if (outcome.How == Ending.ContinuedAsNew)
        {
            if (!_journal.ContinueAsNew(recorded.Key, recorded.Run, outcome.Value, outcome.Events!.Value, Now()))
                return null;
            return () =>
            {
                Release(recorded.Key);
                Activate(recorded.Key);
            };
        }

        var (status, output) = outcome.How switch
        {
            Ending.Completed => (WorkflowStatus.Completed, outcome.Value),
            Ending.Canceled => (WorkflowStatus.Canceled, null),
            _ => (WorkflowStatus.Failed, null),
        };
        var ended = _journal.End(recorded.Key, recorded.Run, status, output, outcome.ErrorType, output is null ? outcome.Value : null, Now());
        return () => Forget(ended);
    }

    private Action Refuse(Recorded recorded, Outcome outcome)
    {
        _journal.Refuse(recorded.Key, recorded.Run, outcome.ErrorType!, outcome.Value);
        return () =>
        {
            _log.Refused(outcome.Value);
            Release(recorded.Key);
            Answer(recorded.Id);
        };
    }

    private void Forget(Ended? ended)
    {
        if (ended is null)
            return;
        Release(ended.Key);
        Answer(ended.Id);
        if (ended.Parent is { } parent)
            Deliver(parent, ended.ParentRow);
    }

    private void Release(long instance)
    {
        if (_live.Remove(instance, out var live))
            live.Dispose();
    }

    private void Answer(string id)
    {
        if (!_waiters.Remove(id, out var waiters) || _reader.Find(id) is not { } instance)
            return;
        foreach (var waiter in waiters)
            waiter.TrySetResult(instance);
    }

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
        _log.Broke(error);
        _ = _stopping.CancelAsync();
        Fail(error);
        _stopped.TrySetException(error);
    }

    private void Close(Action endWriter)
    {
        endWriter();
        foreach (var live in _live.Values)
            live.Dispose();
        Fail(new EngineException("The engine was closed; the instance goes on when it is opened again."));
        _journal.Dispose();
        _reader.Dispose();
        _lease.Dispose();
        _stopped.TrySetResult();
    }

    private void Fail(EngineException error)
    {
        foreach (var waiter in _waiters.Values.SelectMany(waiters => waiters))
            waiter.TrySetException(error);
        _waiters.Clear();
    }
}
