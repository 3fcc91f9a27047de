using Amqp;
using Amqp.Framing;
using Amqp.Types;

namespace Sana.Functions.Tests.ServiceBus;

/// <summary>
/// The rules of a Service Bus queue in peek-lock mode: sequence numbers, locks with tokens, delivery counts, scheduled messages, dead letters, and duplicates by message id.
/// The network side is <see cref="BusListener"/>.
/// </summary>
internal sealed class BusQueue(BusRules rules, TimeProvider clock, BusQueue? deadLetters) : IDisposable
{
    private const string Annotation = "x-opt-";

    private readonly Lock _gate = new();
    private readonly List<Entry> _entries = [];
    private readonly Dictionary<string, DateTimeOffset> _seen = [];
    private readonly List<ITimer> _timers = [];
    private long _lastSequence;

    /// <summary>Something may be taken now that could not before.</summary>
    public event Action? Ready;

    /// <summary>Everything that is in the queue: waiting, scheduled or locked.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
                return _entries.Count;
        }
    }

    /// <summary>The messages in the order of their sequence numbers.</summary>
    public IReadOnlyList<Message> Messages
    {
        get
        {
            lock (_gate)
                return [.. _entries.Select(entry => entry.Message)];
        }
    }

    /// <summary>How often a lock was renewed.</summary>
    public int Renewals { get; private set; }

    /// <summary>Messages that were dropped because their id was seen within the window.</summary>
    public int Duplicates { get; private set; }

    /// <summary>Puts a message at the end; one whose id was seen within the window is dropped without a word, as the service does it.</summary>
    public long Send(Message message)
    {
        var due = message.MessageAnnotations?[new Symbol(Annotation + "scheduled-enqueue-time")] is DateTime time ? new DateTimeOffset(time, TimeSpan.Zero) : Now;
        lock (_gate)
        {
            if (rules.DuplicateWindow > TimeSpan.Zero && message.Properties?.MessageId is { } id)
            {
                if (_seen.TryGetValue(id, out var before) && Now - before < rules.DuplicateWindow)
                {
                    Duplicates++;
                    return 0;
                }

                _seen[id] = Now;
            }

            _entries.Add(new Entry(++_lastSequence, message) { Due = due > Now ? due : Now, IsScheduled = due > Now });
        }

        Wake(due - Now);
        return _lastSequence;
    }

    /// <summary>Locks the next message; null when there is none now.</summary>
    public (Guid Token, Message Message)? Take()
    {
        lock (_gate)
        {
            foreach (var entry in _entries.Where(entry => entry.LockedUntil <= Now && entry.Due <= Now).ToList())
            {
                // A lock that ran out is a delivery that failed.
                if (entry.Token is not null && Return(entry))
                    continue;
                (entry.Token, entry.LockedUntil) = (Guid.NewGuid(), Now + rules.Lock);
                Wake(rules.Lock);
                return (entry.Token.Value, Outgoing(entry, entry.LockedUntil));
            }

            return null;
        }
    }

    /// <summary>Ends a lock with an outcome; false when the lock is not held any more.</summary>
    public bool Settle(Guid token, DeliveryState? outcome)
    {
        lock (_gate)
        {
            if (Held(token) is not { } entry)
                return false;
            if (outcome is Accepted)
                _entries.Remove(entry);
            else if (outcome is Rejected { Error: { } error })
                Bury(entry, error.Info?[new Symbol("DeadLetterReason")] as string, error.Info?[new Symbol("DeadLetterErrorDescription")] as string);
            else if (outcome is Released)
                entry.Token = null;
            else
                Return(entry);
            entry.LockedUntil = default;
        }

        Wake(TimeSpan.Zero);
        return true;
    }

    /// <summary>The new end of a lock; null when the lock is not held any more.</summary>
    public DateTimeOffset? Renew(Guid token)
    {
        lock (_gate)
        {
            if (Held(token) is not { } entry)
                return null;
            Renewals++;
            Wake(rules.Lock);
            return entry.LockedUntil = Now + rules.Lock;
        }
    }

    /// <summary>Messages from a sequence number on, locked or not, without taking them.</summary>
    public IReadOnlyList<Message> Peek(long from, int most)
    {
        lock (_gate)
            return [.. _entries.Where(entry => entry.Sequence >= from).Take(most).Select(entry => Outgoing(entry, null))];
    }

    public void Dispose()
    {
        lock (_gate)
            _timers.ForEach(timer => timer.Dispose());
    }

    private DateTimeOffset Now => clock.GetUtcNow();

    private Entry? Held(Guid token) => _entries.FirstOrDefault(entry => entry.Token == token && entry.LockedUntil > Now);

    /// <summary>True when it went to the dead letters, because it had been delivered as often as it may be.</summary>
    private bool Return(Entry entry)
    {
        (entry.Token, entry.Failed) = (null, entry.Failed + 1);
        if (deadLetters is null || entry.Failed < rules.MaxDeliveries)
            return false;
        Bury(entry, "MaxDeliveryCountExceeded", $"Message could not be consumed after {rules.MaxDeliveries} delivery attempts.");
        return true;
    }

    private void Bury(Entry entry, string? reason, string? description)
    {
        _entries.Remove(entry);
        var message = entry.Message;
        message.ApplicationProperties ??= new ApplicationProperties();
        if (reason is not null)
            message.ApplicationProperties["DeadLetterReason"] = reason;
        if (description is not null)
            message.ApplicationProperties["DeadLetterErrorDescription"] = description;
        deadLetters!.Add(entry);
    }

    private void Add(Entry entry)
    {
        lock (_gate)
            _entries.Add(new Entry(entry.Sequence, entry.Message) { Due = entry.Due, Failed = entry.Failed });
        Wake(TimeSpan.Zero);
    }

    // On a thread of its own: receivers have locks of their own. By the clock's timers, so that a clock that is advanced by hand wakes the receivers too.
    private void Wake(TimeSpan after)
    {
        if (after <= TimeSpan.Zero)
        {
            ThreadPool.QueueUserWorkItem(_ => Ready?.Invoke());
            return;
        }

        var timer = clock.CreateTimer(_ => Ready?.Invoke(), null, after, Timeout.InfiniteTimeSpan);
        lock (_gate)
            _timers.Add(timer);
    }

    private Message Outgoing(Entry entry, DateTimeOffset? lockedUntil)
    {
        var source = entry.Message;
        var annotations = new MessageAnnotations();
        annotations[new Symbol(Annotation + "sequence-number")] = entry.Sequence;
        annotations[new Symbol(Annotation + "enqueued-time")] = entry.Due.UtcDateTime;
        annotations[new Symbol(Annotation + "message-state")] = entry.IsScheduled && entry.Due > Now ? 2 : 0;
        if (lockedUntil is { } end)
            annotations[new Symbol(Annotation + "locked-until")] = end.UtcDateTime;
        return new Message
        {
            Header = new Header { DeliveryCount = (uint)entry.Failed },
            MessageAnnotations = annotations,
            Properties = source.Properties,
            ApplicationProperties = source.ApplicationProperties,
            BodySection = source.BodySection,
        };
    }

    private sealed class Entry(long sequence, Message message)
    {
        public long Sequence { get; } = sequence;

        public Message Message { get; } = message;

        public DateTimeOffset Due { get; init; }

        public bool IsScheduled { get; init; }

        public int Failed { get; set; }

        public Guid? Token { get; set; }

        public DateTimeOffset LockedUntil { get; set; }
    }
}

/// <summary>The settings of a queue, as <c>infra/bus.bicep</c> makes it.</summary>
internal sealed record BusRules
{
    public TimeSpan Lock { get; init; } = TimeSpan.FromMinutes(5);

    public int MaxDeliveries { get; init; } = 10;

    public TimeSpan DuplicateWindow { get; init; } = TimeSpan.FromMinutes(10);
}
