using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Sana.Workflows.Contract;

namespace Sana.Tests.Support;

/// <summary>One instance of <see cref="PlainEngine"/>: everything it does runs on a scheduler that takes one task at a time.</summary>
internal sealed class PlainContext : IWorkflowContext
{
    private readonly TaskFactory _thread = new(new ConcurrentExclusiveSchedulerPair().ExclusiveScheduler);
    private readonly PlainEngine _engine;
    private readonly WorkflowRegistry _registry;
    private readonly TimeProvider _clock;
    private readonly Dictionary<string, Queue<string>> _kept = [];
    private readonly Dictionary<string, List<TaskCompletionSource<string>>> _waits = [];
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource<string> _cancel = new();
    private TaskCompletionSource _going = new();
    private string? _next;
    private bool _keepEvents;
    private int _ids;

    public PlainContext(PlainEngine engine, WorkflowRegistry registry, TimeProvider clock, string id, string workflow, string input, string? parent)
    {
        (_engine, _registry, _clock, InstanceId) = (engine, registry, clock, id);
        _going.SetResult();
        var now = clock.GetUtcNow().UtcDateTime;
        Snapshot = new WorkflowInstance
        {
            Id = id,
            Workflow = workflow,
            Input = input,
            ParentId = parent,
            Status = WorkflowStatus.Running,
            Created = now,
            Updated = now,
            Runs = 1,
            StepsDone = 0,
            StepsFailed = 0,
        };
    }

    public WorkflowInstance Snapshot { get; private set; }

    public Task Ended => _ended.Task;

    public string InstanceId { get; }

    public DateTime UtcNow => _clock.GetUtcNow().UtcDateTime;

    public bool IsReplaying => false;

    public ILogger Logger => NullLogger.Instance;

    public void Begin() => _ = _thread.StartNew(Run).Unwrap();

    /// <summary>Does something between two lines of the workflow.</summary>
    public async Task<bool> Do(Action action)
    {
        await _thread.StartNew(action);
        return true;
    }

    public Guid NewId() => new(++_ids, 0, 0, new byte[8]);

    public Task<TOut> Call<TIn, TOut>(Step<TIn, TOut> step, TIn input, StepRetry? retry = null)
    {
        var json = WorkflowJson.Write(input);
        return Waited(async () =>
        {
            for (var attempt = 1; ; attempt++)
            {
                await _going.Task;
                try
                {
                    var output = WorkflowJson.Read<TOut>(await Task.Run(() => _registry.FindStep(step.Name)!(json, default)));
                    Snapshot = Snapshot with { StepsDone = Snapshot.StepsDone + 1 };
                    return output;
                }
                catch (Exception error)
                {
                    var type = error.GetType().FullName!;
                    if (retry is null || !retry.Allows(attempt, type))
                        throw new StepFailedException(step.Name, type, error.Message, attempt);
                    await Task.Delay(retry.After(attempt), _clock);
                }
            }
        });
    }

    public Task<TOut> CallWorkflow<TIn, TOut>(Workflow<TIn, TOut> workflow, TIn input, string instanceId)
    {
        var json = WorkflowJson.Write(input);
        return Waited(() => _engine.CallChild<TOut>(InstanceId, workflow.Name, json, instanceId));
    }

    public Task Timer(DateTime due, CancellationToken cancellation = default)
    {
        var wait = due - UtcNow;
        return Waited(async () =>
        {
            await Task.Delay(wait > TimeSpan.Zero ? wait : TimeSpan.Zero, _clock, cancellation);
            return true;
        });
    }

    public Task<T> WaitForEvent<T>(string name, CancellationToken cancellation = default) => Waited(async () =>
    {
        if (_kept.TryGetValue(name, out var kept) && kept.TryDequeue(out var early))
            return WorkflowJson.Read<T>(early);
        var wait = new TaskCompletionSource<string>();
        if (!_waits.TryAdd(name, [wait]))
            _waits[name].Add(wait);
        using var _ = cancellation.Register(() =>
        {
            if (_waits.TryGetValue(name, out var waits) && waits.Remove(wait))
                wait.TrySetCanceled(cancellation);
        });
        return WorkflowJson.Read<T>(await wait.Task);
    });

    public void SetStatus<T>(T status) => Snapshot = Snapshot with { CustomStatus = WorkflowJson.Write(status) };

    public void ContinueAsNew<TIn>(TIn input, bool keepEvents = true) => (_next, _keepEvents) = (WorkflowJson.Write(input), keepEvents);

    public void Arrive(string name, string payload)
    {
        if (_waits.TryGetValue(name, out var waits) && waits.Count > 0)
        {
            var first = waits[0];
            waits.RemoveAt(0);
            first.TrySetResult(payload);
        }
        else if (_kept.TryGetValue(name, out var kept))
        {
            kept.Enqueue(payload);
        }
        else
        {
            _kept.Add(name, new Queue<string>([payload]));
        }
    }

    public void Cancel(string reason)
    {
        if (Snapshot.IsFinished)
            return;
        Resume();
        var cancel = _cancel;
        _cancel = new TaskCompletionSource<string>();
        _waits.Clear();
        cancel.SetResult(reason);
    }

    public void Suspend()
    {
        if (_going.Task.IsCompleted)
            _going = new TaskCompletionSource();
        Snapshot = Snapshot with { Status = WorkflowStatus.Suspended };
    }

    public void Resume()
    {
        Snapshot = Snapshot with { Status = WorkflowStatus.Running };
        _going.TrySetResult();
    }

    public void Terminate(string reason) => End(WorkflowStatus.Terminated, null, "Terminated", reason);

    /// <summary>Ends with the work, or with the next cancel if that comes first; not before a suspended instance is resumed.</summary>
    private async Task<T> Waited<T>(Func<Task<T>> work)
    {
        var cancel = _cancel.Task;
        var task = work();
        if (await Task.WhenAny(task, cancel) != task)
            throw new WorkflowCanceledException(await cancel);
        await _going.Task;
        return await task;
    }

    private async Task Run()
    {
        try
        {
            var output = await _registry.FindWorkflow(Snapshot.Workflow)!(this, Snapshot.Input);
            while (_next is { } input)
            {
                _next = null;
                if (!_keepEvents)
                    _kept.Clear();
                Snapshot = Snapshot with { Input = input, Runs = Snapshot.Runs + 1 };
                output = await _registry.FindWorkflow(Snapshot.Workflow)!(this, input);
            }

            End(WorkflowStatus.Completed, output, null, null);
        }
        catch (WorkflowCanceledException canceled)
        {
            End(WorkflowStatus.Canceled, null, typeof(WorkflowCanceledException).FullName, canceled.Reason);
        }
        catch (Exception error)
        {
            End(WorkflowStatus.Failed, null, error.GetType().FullName, error.Message);
        }
    }

    private void End(WorkflowStatus status, string? output, string? errorType, string? error)
    {
        if (Snapshot.IsFinished)
            return;
        Snapshot = Snapshot with { Status = status, Output = output, ErrorType = errorType, Error = error };
        _ended.TrySetResult();
    }
}
