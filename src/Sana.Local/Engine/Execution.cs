using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Logging;
using Sana.Workflows.Contract;

namespace Sana.Local.Engine;

/// <summary>
/// One run of one instance: the workflow's code between the rows of its history. It is handed rows and answers with decisions; it knows no database,
/// no clock and no thread, so that replay and first run are the same thing.
/// </summary>
internal sealed class Execution : IWorkflowContext
{
    private readonly WorkflowBody _body;
    private readonly string _input;
    private readonly int _run;
    private readonly long _replayUntil;
    private readonly Dictionary<int, Call> _pending = [];
    private readonly EventBox _events = new();
    private readonly LogicalThread _thread;
    private List<Call> _calls = [];
    private List<Call> _dropped = [];
    private Task<string>? _main;
    private Outcome? _outcome;
    private (string Input, bool KeepEvents)? _next;
    private string? _status;
    private int _made;
    private int _ids;
    private long _lastSeen;
    private int _inFlight;

    /// <param name="recorded">Where the run began, and what of it was recorded before: those rows are a replay.</param>
    /// <param name="body">The orchestration.</param>
    /// <param name="logger">Where the workflow's lines go.</param>
    /// <param name="disturbed">Called from a foreign thread that brought a continuation; answer with an empty <see cref="Advance"/>.</param>
    public Execution(Recorded recorded, WorkflowBody body, ILogger logger, Action? disturbed = null)
    {
        (InstanceId, UtcNow, _run, _input, _body) = (recorded.Id, recorded.RunAt, recorded.Run, recorded.Input, body);
        _thread = new LogicalThread(disturbed);
        _replayUntil = recorded.History.Count > 0 ? recorded.History[^1].Seq : 0;
        Logger = new ReplaySafeLogger(logger, this);
    }

    public string InstanceId { get; }

    public DateTime UtcNow { get; private set; }

    public bool IsReplaying { get; private set; }

    public ILogger Logger { get; }

    /// <summary>Steps and children that have not ended.</summary>
    public int InFlight => Volatile.Read(ref _inFlight);

    /// <summary>True when the workflow awaits something that is not the context's.</summary>
    public bool IsDisturbed => _thread.IsDisturbed;

    /// <summary>Hands rows to the workflow, in their order, and runs it until it waits for the next.</summary>
    public Turn Advance(IReadOnlyList<HistoryRow> rows)
    {
        try
        {
            _thread.Run(() =>
            {
                if (_main is null)
                {
                    IsReplaying = rows.Count > 0 && rows[0].Seq <= _replayUntil;
                    _main = Begin();
                    Settle();
                }

                for (var index = 0; index < rows.Count && _outcome is null; index++)
                {
                    Apply(rows[index]);
                    Settle();
                }

                IsReplaying = false;
            });
        }
        catch (Exception error)
        {
            // Thrown by an async void of the workflow: everything else ends in its task.
            _outcome ??= new Outcome(Ending.Failed, error.Message, error.GetType().FullName);
        }

        return Decide();
    }

    public Guid NewId()
    {
        Own();
        Span<byte> hash = stackalloc byte[32];
        SHA256.HashData(Encoding.UTF8.GetBytes($"{InstanceId}\n{_run}\n{_ids++}"), hash);
        // Version 8 of RFC 9562: bits of our own making.
        hash[6] = (byte)((hash[6] & 0x0F) | 0x80);
        hash[8] = (byte)((hash[8] & 0x3F) | 0x80);
        return new Guid(hash[..16], bigEndian: true);
    }

    Task<TOut> IWorkflowContext.Call<TIn, TOut>(Step<TIn, TOut> step, TIn input, StepRetry? retry) =>
        Make(new Call<TOut>(RowKind.Step, NextCall(), step.Name, WorkflowJson.Write(input)) { Retry = retry }).Task;

    public Task<TOut> CallWorkflow<TIn, TOut>(Workflow<TIn, TOut> workflow, TIn input, string instanceId) =>
        Make(new Call<TOut>(RowKind.Workflow, NextCall(), workflow.Name, WorkflowJson.Write(input), InstanceName.Check(instanceId))).Task;

    public Task Timer(DateTime due, CancellationToken cancellation = default)
    {
        var call = Make(new Call<object?>(RowKind.Timer, NextCall(), "timer", due.Ticks.ToString(CultureInfo.InvariantCulture)) { Due = due });
        cancellation.Register(() =>
        {
            if (Take(call.Number) is not null)
                Drop(call, new OperationCanceledException(cancellation));
        });
        return call.Task;
    }

    public Task<T> WaitForEvent<T>(string name, CancellationToken cancellation = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        Own();
        if (cancellation.IsCancellationRequested)
            return Task.FromCanceled<T>(cancellation);
        var wait = new EventWait<T>();
        _events.Wait(name, wait);
        cancellation.Register(() =>
        {
            if (_events.Remove(name, wait))
                wait.Drop(new OperationCanceledException(cancellation));
        });
        return wait.Task;
    }

    public void SetStatus<T>(T status)
    {
        Own();
        _status = WorkflowJson.Write(status);
    }

    public void ContinueAsNew<TIn>(TIn input, bool keepEvents = true)
    {
        Own();
        _next = (WorkflowJson.Write(input), keepEvents);
    }

    private async Task<string> Begin() => await _body(this, _input);

    private void Apply(HistoryRow row)
    {
        UtcNow = row.At > UtcNow ? row.At : UtcNow;
        IsReplaying = row.Seq <= _replayUntil;
        if (!_main!.IsCompleted)
            _lastSeen = row.Seq;

        switch (row.Kind)
        {
            case RowKind.Event when !_main.IsCompleted:
                _events.Arrive(row);
                break;
            case RowKind.Cancel when !_main.IsCompleted:
                Cancel(new WorkflowCanceledException(row.Value ?? ""));
                break;
            case RowKind.Step or RowKind.Workflow or RowKind.Timer when Matches(row):
                Take(row.Call)?.End(row);
                break;
        }
    }

    /// <summary>A row that ended a call must meet the same call again; otherwise the code is not the one that was recorded.</summary>
    private bool Matches(HistoryRow row)
    {
        string now;
        if (row.Call >= _made)
            now = _main!.IsCompleted ? $"ends after {_made} calls" : $"waits after {_made} calls";
        else if (_pending.TryGetValue(row.Call, out var call) && (call.Kind != row.Kind || call.Name != row.Name || call.Hash != row.Hash))
            now = $"asks there for {Describe(call.Kind, call.Name, call.Hash)}";
        else
            return true;

        _outcome = new Outcome(
            Ending.Refused,
            $"The workflow's code changed under instance {InstanceId}: call {row.Call} was recorded as {Describe(row.Kind, row.Name, row.Hash)} and the code "
            + $"now {now}. Run it with the old code, or end the instance and start a new one.",
            "ChangedWorkflow");
        return false;
    }

    private void Cancel(WorkflowCanceledException reason)
    {
        // Taken before any is dropped: what the workflow asks for when it hears of the cancel is its cleaning up, and stays.
        var calls = _pending.Keys.ToList().ConvertAll(number => Take(number)!);
        var waits = _events.TakeWaits();
        foreach (var call in calls)
            Drop(call, reason);
        foreach (var wait in waits)
            wait.Drop(reason);
    }

    private void Drop(Call call, Exception reason)
    {
        _dropped.Add(call);
        call.Drop(reason);
    }

    /// <summary>Runs what the last row woke, then looks whether the workflow ended or went astray.</summary>
    private void Settle()
    {
        _thread.Settle();
        if (!_main!.IsCompleted && _pending.Count == 0 && _events.Waiting == 0)
            _outcome ??= Astray();
    }

    private Outcome Astray() => new(
        Ending.Failed,
        $"The workflow of instance {InstanceId} awaits a task that is not its context's; move that work into a step and await only what the context returns.",
        typeof(InvalidOperationException).FullName);

    private Turn Decide()
    {
        // Whatever its code made of it: what another thread brought would not come again in a replay.
        if (_thread.IsDisturbed)
            _outcome ??= Astray();
        var outcome = _outcome ??= _main!.IsCompleted ? End(_main) : null;
        var turn = new Turn(outcome is null ? _calls.FindAll(call => _pending.ContainsKey(call.Number)) : [], _dropped, _status, outcome);
        (_calls, _dropped, _status) = ([], [], null);
        return turn;
    }

    private Outcome End(Task<string> main)
    {
        try
        {
            var output = main.GetAwaiter().GetResult();
            if (_next is not { } next)
                return new Outcome(Ending.Completed, output);
            return new Outcome(Ending.ContinuedAsNew, next.Input)
            {
                Unseen = (_lastSeen, next.KeepEvents ? [.. _events.Kept] : []),
            };
        }
        catch (WorkflowCanceledException canceled)
        {
            return new Outcome(Ending.Canceled, canceled.Reason, typeof(WorkflowCanceledException).FullName);
        }
        catch (Exception error)
        {
            return new Outcome(Ending.Failed, error.Message, error.GetType().FullName);
        }
    }

    private TCall Make<TCall>(TCall call)
        where TCall : Call
    {
        ArgumentException.ThrowIfNullOrEmpty(call.Name);
        _made++;
        _pending.Add(call.Number, call);
        _calls.Add(call);
        if (call.Kind != RowKind.Timer)
            _inFlight++;
        return call;
    }

    private Call? Take(int number)
    {
        if (_pending.Remove(number, out var call) && call.Kind != RowKind.Timer)
            _inFlight--;
        return call;
    }

    private int NextCall()
    {
        Own();
        return _made;
    }

    private void Own()
    {
        if (!_thread.CheckCaller())
            throw new InvalidOperationException(
                $"Instance {InstanceId} used its context outside of its logical thread: no ConfigureAwait(false), Task.Run or foreign task in a workflow.");
    }

    private static string Describe(RowKind kind, string name, long hash) => kind switch
    {
        RowKind.Timer => $"a timer (input {hash:x16})",
        RowKind.Workflow => $"workflow '{name}' (input {hash:x16})",
        _ => $"step '{name}' (input {hash:x16})",
    };
}
