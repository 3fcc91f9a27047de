using Microsoft.DurableTask;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Sana.Functions.Tests.Replaying;

/// <summary>
/// One execution of an orchestration, from its first line. It behaves as Durable's own context where that is less than the contract asks for: the newest waiter for an event is served
/// first, and an event for a waiter that was canceled is gone.
/// </summary>
internal sealed class ReplayingContext(string name, string instanceId, string input) : TaskOrchestrationContext
{
    private readonly Dictionary<int, Action<Ended>> _waiting = [];
    private readonly Dictionary<string, Stack<Func<string, bool>>> _listeners = new(StringComparer.OrdinalIgnoreCase);
    private readonly List<(string Name, string Payload)> _buffer = [];
    private DateTime _now;
    private bool _isReplaying;
    private int _guids;

    public List<Wish> Wishes { get; } = [];

    public HashSet<int> OpenTimers { get; } = [];

    public string? CustomStatus { get; private set; }

    public (string Input, bool KeepEvents)? Next { get; private set; }

    /// <value>Events that came after the orchestration had decided to continue as new.</value>
    public List<Raised> CarriedOver { get; } = [];

    public override TaskName Name => new(name);

    public override string InstanceId => instanceId;

    public override DateTime CurrentUtcDateTime => _now;

    public override bool IsReplaying => _isReplaying;

    protected override ILoggerFactory LoggerFactory => NullLoggerFactory.Instance;

    public void Begin(DateTime now, bool isReplaying) => (_now, _isReplaying) = (now, isReplaying);

    public override T GetInput<T>() => Wire.Read<T>(input);

    public override Task<TResult> CallActivityAsync<TResult>(TaskName name, object? input = null, TaskOptions? options = null) =>
        Await<TResult>(name.Name, new ActivityWish(name.Name, Wire.Write(input)));

    public override Task<TResult> CallSubOrchestratorAsync<TResult>(TaskName orchestratorName, object? input = null, TaskOptions? options = null) =>
        Await<TResult>(orchestratorName.Name, new ChildWish(orchestratorName.Name, Wire.Write(input), ((SubOrchestrationOptions)options!).InstanceId!));

    public override async Task CreateTimer(DateTime fireAt, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var (number, rung) = (Wishes.Count, new TaskCompletionSource());
        Wishes.Add(new TimerWish(fireAt));
        OpenTimers.Add(number);
        _waiting.Add(number, _ =>
        {
            if (OpenTimers.Remove(number))
                rung.SetResult();
        });
        await using var _ = cancellationToken.Register(() =>
        {
            if (OpenTimers.Remove(number))
                rung.SetCanceled(cancellationToken);
        });
        await rung.Task;
    }

    public override Task<T> WaitForExternalEvent<T>(string eventName, CancellationToken cancellationToken = default)
    {
        var heard = new TaskCompletionSource<T>();
        cancellationToken.Register(() => heard.TrySetCanceled(cancellationToken));
        if (!_listeners.TryGetValue(eventName, out var stack))
            _listeners.Add(eventName, stack = new());
        stack.Push(payload => heard.TrySetResult(Wire.Read<T>(payload)));
        if (_buffer.FindIndex(kept => string.Equals(kept.Name, eventName, StringComparison.OrdinalIgnoreCase)) is >= 0 and var at)
        {
            var payload = _buffer[at].Payload;
            _buffer.RemoveAt(at);
            stack.Pop()(payload);
        }

        return heard.Task;
    }

    public override void SendEvent(string instanceId, string eventName, object payload) => Wishes.Add(new EventWish(instanceId, eventName, Wire.Write(payload)));

    public override void SetCustomStatus(object? customStatus) => CustomStatus = Wire.Write(customStatus);

    public override void ContinueAsNew(object? newInput = null, bool preserveUnprocessedEvents = true)
    {
        Next = (Wire.Write(newInput), preserveUnprocessedEvents);
        if (preserveUnprocessedEvents)
            _buffer.ForEach(kept => Wishes.Add(new EventWish(instanceId, kept.Name, kept.Payload)));
        _buffer.Clear();
    }

    public override Guid NewGuid() => new(++_guids, 0, 0, [.. System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes($"{instanceId}{_now:O}{_guids}"))[..8]]);

    /// <summary>Tells the orchestration of one event.</summary>
    public void Deliver(HistoryEvent happened, bool isReplaying)
    {
        (_now, _isReplaying) = (happened.At, isReplaying);
        if (happened is Ended ended && _waiting.Remove(ended.Number, out var resume))
            resume(ended);
        else if (happened is Raised raised)
            Hear(raised);
    }

    private void Hear(Raised raised)
    {
        if (Next is not null)
            CarriedOver.Add(raised);
        else if (_listeners.TryGetValue(raised.Name, out var stack) && stack.TryPop(out var newest))
            newest(raised.Payload);
        else
            _buffer.Add((raised.Name, raised.Payload));
    }

    private Task<T> Await<T>(string task, Wish wish)
    {
        var (number, source) = (Wishes.Count, new TaskCompletionSource<T>());
        Wishes.Add(wish);
        _waiting.Add(number, ended =>
        {
            if (ended.Output is { } output)
                source.SetResult(Wire.Read<T>(output));
            else
                source.SetException(new TaskFailedException(task, number, new TaskFailureDetails(ended.ErrorType!, ended.Error!)));
        });
        return source.Task;
    }
}
