using Microsoft.Extensions.Logging;
using Sana.Workflows.Contract;

namespace Sana.Local.Engine;

/// <summary>
/// Keeps the circle going between the journal and the instances in memory: a row that is on disk goes to its instance, whose turn asks for steps,
/// timers and children; when these end, rows are written.
/// </summary>
/// <remarks>
/// Methods that return an <see cref="Action"/> write, and are for the writer thread, inside its transaction; the action is for after the commit, on the same
/// thread. Rows reach instances from that thread only, so their order is the journal's.
/// </remarks>
internal sealed class Conductor : IDisposable
{
    private readonly Dictionary<long, LiveInstance> _live = []; // writer thread
    private readonly Journal _journal; // writer thread
    private readonly GroupCommit _writer;
    private readonly TimerQueue _timers;
    private readonly Dispatcher _dispatcher;
    private readonly WorkflowRegistry _registry;
    private readonly ILoggerFactory _logging;
    private readonly ILogger _log;
    private readonly Func<DateTime> _now;
    private readonly Action<string> _ended;
    private readonly CancellationToken _stopping;

    /// <param name="journal">What is written.</param>
    /// <param name="writer">Who writes it.</param>
    /// <param name="timers">Rings for timers and retries.</param>
    /// <param name="registry">Which code runs under which name.</param>
    /// <param name="options">How many steps run at once, and where logs go.</param>
    /// <param name="now">The journal's clock.</param>
    /// <param name="ended">Told the id of an instance that finished or was refused, on the writer thread.</param>
    /// <param name="stopping">Canceled when the engine closes.</param>
    public Conductor(
        Journal journal, GroupCommit writer, TimerQueue timers, WorkflowRegistry registry, SqliteEngineOptions options, Func<DateTime> now, Action<string> ended,
        CancellationToken stopping)
    {
        (_journal, _writer, _timers, _registry, _logging, _now, _ended, _stopping) = (journal, writer, timers, registry, options.Logging, now, ended, stopping);
        _log = options.Logging.CreateLogger<SqliteEngine>();
        _dispatcher = new Dispatcher(registry, options.MaxParallelSteps, now, Record, stopping);
    }

    /// <summary>Steps and children of an instance that have not ended.</summary>
    public int InFlight(long instance) => _live.TryGetValue(instance, out var live) ? live.Execution.InFlight : 0;

    /// <summary>Ends when the running steps have ended.</summary>
    public Task Drain() => _dispatcher.Drain();

    public void Recover()
    {
        foreach (var key in _journal.InStatus(WorkflowStatus.Refused))
            _journal.Resume(key, _now());
        foreach (var key in _journal.InStatus(WorkflowStatus.Running))
            Activate(key);
    }

    public Action Append(long instance, int? run, HistoryRow row)
    {
        var written = _journal.Append(instance, run, row);
        return () => Deliver(instance, written);
    }

    /// <summary>Tells an instance to stop. Its children hear of it from its turn: those that are only just being made would be missed here.</summary>
    public Action? Cancel(string id, string reason)
    {
        if (_journal.Unfinished(id) is not { } key)
            return null;
        var resumed = _journal.Resume(key, _now());
        // Heard once: a second cancel, also one that a replayed parent repeats, does not disturb the cleaning up.
        var heard = _journal.IsCanceled(key) ? null : Append(key, null, new HistoryRow(RowKind.Cancel, HistoryRow.Outside, "", 0, _now(), 1, reason, null));
        return () =>
        {
            heard?.Invoke();
            if (resumed)
                Continue(key);
        };
    }

    public void Suspend(long instance) => _live.GetValueOrDefault(instance)?.Suspend();

    /// <summary>Lets go of an instance that ended, and hands its end to its parent.</summary>
    public void Forget(Ended? ended)
    {
        if (ended is null)
            return;
        Release(ended.Key);
        _ended(ended.Id);
        if (ended.Parent is { } parent)
            Deliver(parent, ended.ParentRow);
    }

    /// <summary>Takes no further turn of any instance.</summary>
    public void Dispose()
    {
        foreach (var live in _live.Values)
            live.Dispose();
    }

    /// <summary>Brings a running instance into memory: its first turn replays what it has seen.</summary>
    public void Activate(long? instance)
    {
        if (instance is not { } key || _journal.Load(key) is not { Status: WorkflowStatus.Running } recorded)
            return;
        if (_registry.FindWorkflow(recorded.Workflow) is not { } body)
        {
            var sentence = $"Workflow '{recorded.Workflow}' of instance {recorded.Id} is not registered in this program; run it with one that has it.";
            _writer.Post(() => Refuse(recorded, new Outcome(Ending.Refused, sentence, "UnknownWorkflow")));
            return;
        }

        var live = new LiveInstance(
            recorded,
            self => new Execution(recorded, body, _logging.CreateLogger(recorded.Workflow), self.Wake),
            CarryOut,
            _stopping);
        _live[key] = live;
        live.Wake();
    }

    public void Continue(long instance)
    {
        if (!_live.TryGetValue(instance, out var live))
            Activate(instance);
        else
            live.Resume().ToList().ForEach(_dispatcher.Enqueue);
    }

    private void Deliver(long instance, HistoryRow? row)
    {
        if (row is not null && _live.TryGetValue(instance, out var live))
            live.Post(row);
    }

    /// <summary>Does what a turn decided. Runs on the instance's logical thread.</summary>
    private void CarryOut(LiveInstance live, Turn turn)
    {
        var (key, run) = (live.Recorded.Key, live.Recorded.Run);
        CallOff(live, turn.Dropped);
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
                case RowKind.Timer:
                    live.SetTimer(_timers, call, () =>
                    {
                        live.StopTimer(call);
                        _writer.Post(() => Append(key, run, new HistoryRow(RowKind.Timer, call.Number, call.Name, call.Hash, _now(), 1, null, null)));
                    });
                    break;
            }
        }

        if (turn.Outcome is { } outcome)
            _writer.Post(() => Conclude(live, outcome));
    }

    private void CallOff(LiveInstance live, IReadOnlyList<Call> dropped)
    {
        if (dropped.Any(call => call.Kind == RowKind.Step))
            live.CancelSteps();
        foreach (var call in dropped)
        {
            if (call.Kind == RowKind.Timer)
                live.StopTimer(call);
            else if (call.Kind == RowKind.Workflow)
                _writer.Post(() => Cancel(call.ChildId, $"its parent {live.Recorded.Id} was canceled"));
        }
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
        if (_journal.Start(call.ChildId, call.Name, call.Input, _now(), caller) is { } child)
            return () => Activate(child);
        // Made before the process was killed: it runs, or its end is in the parent's history.
        if (_journal.IsChildOf(call.ChildId, caller))
            return null;
        var taken = $"The id {call.ChildId} is taken by another instance; give each child an id of its own.";
        return Append(parent, run, new HistoryRow(RowKind.Workflow, call.Number, call.Name, call.Hash, _now(), 1, taken, "InstanceExists"));
    }

    private Action? Conclude(LiveInstance live, Outcome outcome)
    {
        var recorded = live.Recorded;
        if (outcome.How == Ending.Refused)
            return Refuse(recorded, outcome);
        if (outcome.How == Ending.ContinuedAsNew)
        {
            if (!_journal.ContinueAsNew(recorded.Key, recorded.Run, outcome.Value, outcome.Unseen!.Value, _now()))
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
        var ended = _journal.End(recorded.Key, recorded.Run, status, output, outcome.ErrorType, output is null ? outcome.Value : null, _now());
        return () => Forget(ended);
    }

    private Action? Refuse(Recorded recorded, Outcome outcome)
    {
        if (!_journal.Refuse(recorded.Key, recorded.Run, outcome.ErrorType!, outcome.Value))
            return () => Release(recorded.Key);
        return () =>
        {
            _log.Refused(outcome.Value);
            Release(recorded.Key);
            _ended(recorded.Id);
        };
    }

    private void Release(long instance)
    {
        if (_live.Remove(instance, out var live))
            live.Dispose();
    }
}
