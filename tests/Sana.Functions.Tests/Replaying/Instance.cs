using System.Text.Json;
using Microsoft.DurableTask.Client;

namespace Sana.Functions.Tests.Replaying;

/// <summary>An orchestration instance: its history, what it waits to be told, and how it ends. One episode at a time.</summary>
internal sealed class Instance(ReplayingEngine engine, string name, string id, string input, Instance? parent, int parentNumber)
{
    private readonly Lock _gate = new();
    private readonly List<HistoryEvent> _inbox = [];
    private readonly TaskCompletionSource _over = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private List<(HistoryEvent Event, int Episode)> _history = [];
    private List<Wish> _wishes = [];
    private string _input = input;
    private int _episodes;
    private bool _isBusy;
    private bool _isSuspended;

    public string Id => id;

    public DateTime Created { get; } = engine.Now;

    public OrchestrationRuntimeStatus Status { get; private set; } = OrchestrationRuntimeStatus.Pending;

    public Task Over => _over.Task;

    public int Told
    {
        get
        {
            lock (_gate)
                return _inbox.Count + _history.Count;
        }
    }

    public bool IsFinished => Status is OrchestrationRuntimeStatus.Completed or OrchestrationRuntimeStatus.Failed or OrchestrationRuntimeStatus.Terminated;

    /// <value>Which life of this instance asked: an answer to an earlier one is for nobody.</value>
    public int Generation { get; private set; }

    private string? Output { get; set; }

    private string? CustomStatus { get; set; }

    private (string Type, string Message)? Failure { get; set; }

    private DateTime StartedAt { get; set; } = engine.Now;

    public OrchestrationMetadata Describe() => new(name, id)
    {
        RuntimeStatus = _isSuspended && !IsFinished ? OrchestrationRuntimeStatus.Suspended : Status,
        CreatedAt = Created,
        LastUpdatedAt = engine.Now,
        SerializedInput = _input,
        SerializedOutput = Output,
        SerializedCustomStatus = CustomStatus,
        FailureDetails = Failure is { } failure ? new Microsoft.DurableTask.TaskFailureDetails(failure.Type, failure.Message) : null,
    };

    public void Tell(HistoryEvent happened)
    {
        lock (_gate)
        {
            if (IsFinished)
                return;
            _inbox.Add(happened);
        }

        Wake();
    }

    /// <summary>Has an episode run soon; what comes meanwhile is told together in the next.</summary>
    public void Wake()
    {
        lock (_gate)
        {
            if (_isBusy || _isSuspended || IsFinished)
                return;
            _isBusy = true;
        }

        _ = Task.Run(Episodes);
    }

    public void Suspend()
    {
        lock (_gate)
            _isSuspended = true;
    }

    public void Resume()
    {
        lock (_gate)
            _isSuspended = false;
        Wake();
    }

    public void Terminate(string output) => End(OrchestrationRuntimeStatus.Terminated, output, null);

    /// <summary>Another process takes over: what was asked for and has not ended is asked for again.</summary>
    public void Recover()
    {
        lock (_gate)
        {
            var ended = _history.Select(entry => entry.Event).Concat(_inbox).OfType<Ended>().Select(end => end.Number).ToHashSet();
            for (var number = 0; number < _wishes.Count; number++)
            {
                if (!ended.Contains(number) && _wishes[number] is ActivityWish or TimerWish)
                    engine.Fulfil(this, number, _wishes[number]);
            }
        }

        Wake();
    }

    private void Episodes()
    {
        try
        {
            while (true)
            {
                lock (_gate)
                {
                    var isFirst = Status == OrchestrationRuntimeStatus.Pending;
                    if (IsFinished || _isSuspended || (_inbox.Count == 0 && !isFirst))
                    {
                        _isBusy = false;
                        return;
                    }

                    Status = OrchestrationRuntimeStatus.Running;
                    _episodes++;
                    _history.AddRange(_inbox.Select(happened => (happened with { At = engine.Now }, _episodes)));
                    _inbox.Clear();
                }

                Episode();
            }
        }
        catch (Exception error)
        {
            End(OrchestrationRuntimeStatus.Failed, null, (error.GetType().FullName!, error.ToString()));
        }
    }

    private void Episode()
    {
        var context = new ReplayingContext(name, id, _input);
        var loop = new Loop();
        Task<JsonElement> run = null!;
        context.Begin(StartedAt, isReplaying: _wishes.Count > 0);
        loop.Run(() => run = engine.Orchestrate(name, context));
        foreach (var (happened, episode) in _history)
            loop.Run(() => context.Deliver(happened, isReplaying: episode < _episodes));

        for (var number = 0; number < _wishes.Count; number++)
        {
            if (number >= context.Wishes.Count || context.Wishes[number] != _wishes[number])
                throw new InvalidOperationException($"Non-deterministic: wish {number} was {_wishes[number]} and is {context.Wishes.ElementAtOrDefault(number)}.");
        }

        var known = _wishes.Count;
        _wishes = context.Wishes;
        CustomStatus = context.CustomStatus;
        for (var number = known; number < _wishes.Count; number++)
            engine.Fulfil(this, number, _wishes[number]);
        if (run.IsCompleted && context.Next is { } next && !run.IsFaulted)
            Continue(next, context);
        else if (run.IsCompleted && context.OpenTimers.Count == 0)
            End(run);
    }

    private void Continue((string Input, bool KeepEvents) next, ReplayingContext context)
    {
        lock (_gate)
        {
            (_input, _wishes, _history, StartedAt, Status) = (next.Input, [], [], engine.Now, OrchestrationRuntimeStatus.Pending);
            Generation++;
            _inbox.RemoveAll(waiting => waiting is Ended);
            if (next.KeepEvents)
                _inbox.InsertRange(0, context.CarriedOver);
        }
    }

    private void End(Task<JsonElement> run)
    {
        if (run.IsCompletedSuccessfully)
            End(OrchestrationRuntimeStatus.Completed, Wire.Write(run.Result), null);
        else
            End(OrchestrationRuntimeStatus.Failed, null, (Error(run).GetType().FullName!, Error(run).Message));
    }

    // Durable has no end for a task that is canceled instead of failed.
    private static Exception Error(Task run) => run.IsCanceled ? throw new InvalidOperationException("The orchestration's task was canceled.") : run.Exception!.InnerException!;

    private void End(OrchestrationRuntimeStatus status, string? output, (string Type, string Message)? failure)
    {
        lock (_gate)
        {
            if (IsFinished)
                return;
            (Status, Output, Failure) = (status, output, failure);
        }

        parent?.Tell(status == OrchestrationRuntimeStatus.Completed
            ? new Ended(engine.Now, parentNumber, output)
            : new Ended(engine.Now, parentNumber, null, failure?.Type ?? "Terminated", failure?.Message ?? output));
        _over.TrySetResult();
    }
}
