using System.Threading.Channels;
using DurableTask.Core.History;

namespace DurableTask.Sqlite;

/// <summary>What waits in memory for one instance: its messages and, while it waits for them, its work item. Guarded by the gate of its <see cref="Inboxes"/>.</summary>
internal sealed class Inbox(Inboxes home, string id)
{
    private volatile bool _isClosed;

    public Inboxes Home { get; } = home;

    public string Id { get; } = id;

    public List<Pending> Messages { get; set; } = [];

    /// <summary>The work item, between two turns.</summary>
    public WorkItem? Kept { get; set; }

    /// <summary>Its place among those that wait with their state in memory.</summary>
    public LinkedListNode<Inbox>? Place { get; set; }

    public bool IsQueued { get; set; }

    /// <summary>A turn runs.</summary>
    public bool IsLocked { get; set; }

    /// <summary>Its messages are not to be looked at: a turn failed a moment ago, its start is still to come, or its code is refused.</summary>
    public bool IsHeld { get; set; }

    /// <summary>Turns that could not be run, one after the other.</summary>
    public int Failures { get; set; }

    /// <summary>What it holds is void: the instance was replaced or ended from outside, or the service was stopped. Any thread.</summary>
    public bool IsClosed
    {
        get => _isClosed;
        set => _isClosed = value;
    }
}

/// <summary>The instances in memory, from a start of the service to its stop.</summary>
/// <param name="room">Waiting instances that keep their work item.</param>
/// <param name="ready">Takes those with messages that can be looked at.</param>
internal sealed class Inboxes(int room, ChannelWriter<Inbox> ready)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Inbox> _all = [];
    private readonly LinkedList<Inbox> _waiting = []; // the least recently used first
    private bool _isClosed;

    /// <summary>Delivers a message.</summary>
    public void Add(Pending message)
    {
        lock (_gate)
        {
            if (_isClosed)
                return;
            var id = message.InstanceId;
            if (!_all.TryGetValue(id, out var inbox))
                _all.Add(id, inbox = new Inbox(this, id));
            inbox.Messages.Add(message);
            // What came before the start was held for it.
            if (message.Message.Event is ExecutionStartedEvent)
                inbox.IsHeld = false;
            Queue(inbox);
        }
    }

    /// <summary>Takes the messages for a turn; false when the instance was forgotten meanwhile.</summary>
    public bool Lock(Inbox inbox, out WorkItem? item, out List<Pending> batch)
    {
        lock (_gate)
        {
            inbox.IsQueued = false;
            (item, batch) = (inbox.Kept, inbox.Messages);
            if (inbox.IsClosed)
                return false;
            // DurableTask.Core takes a rewind alone: what came before it is a turn, and what comes behind it another.
            var rewind = batch.FindIndex(message => message.Message.Event is ExecutionRewoundEvent);
            var count = rewind < 0 ? batch.Count : Math.Max(1, rewind);
            (inbox.Messages, inbox.Kept) = (batch[count..], null);
            batch.RemoveRange(count, batch.Count - count);
            return inbox.IsLocked = true;
        }
    }

    /// <summary>A turn has ended.</summary>
    /// <param name="inbox">Whose.</param>
    /// <param name="kept">The work item for the next turn; null when it is to be read again.</param>
    public void Unlock(Inbox inbox, WorkItem? kept)
    {
        lock (_gate)
        {
            inbox.IsLocked = false;
            inbox.Kept = kept;
            if (kept is not null)
                inbox.Failures = 0;
            Queue(inbox);
            if (inbox.IsClosed || inbox.IsQueued)
                return;
            if (kept is null && inbox.Messages.Count == 0)
                _all.Remove(inbox.Id);
            else if (kept is not null)
                Wait(inbox);
        }
    }

    /// <summary>Puts messages back in front. They wait until <see cref="Lift"/>, or for the start of their instance when that is still to come.</summary>
    public void PutBack(Inbox inbox, IReadOnlyList<Pending> batch, bool untilStart = false)
    {
        lock (_gate)
        {
            inbox.Messages.InsertRange(0, batch);
            // The start may have come since the batch was taken.
            inbox.IsHeld = !(untilStart && inbox.Messages.Exists(message => message.Message.Event is ExecutionStartedEvent));
        }
    }

    /// <summary>The messages can be looked at again.</summary>
    public void Lift(Inbox inbox)
    {
        lock (_gate)
        {
            inbox.IsHeld = false;
            Queue(inbox);
        }
    }

    /// <summary>True when the last turn of an instance could not be run.</summary>
    public bool IsFailing(string id)
    {
        lock (_gate)
            return _all.TryGetValue(id, out var inbox) && inbox.Failures > 0;
    }

    /// <summary>What is in memory of an instance does not hold any more: it was replaced, ended from outside or purged.</summary>
    public void Forget(string id)
    {
        lock (_gate)
        {
            if (!_all.Remove(id, out var inbox))
                return;
            inbox.IsClosed = true;
            Remove(inbox);
        }
    }

    /// <summary>Forgets all, and takes nothing more.</summary>
    public void Close()
    {
        lock (_gate)
        {
            _isClosed = true;
            foreach (var inbox in _all.Values)
                inbox.IsClosed = true;
            _all.Clear();
            _waiting.Clear();
        }
    }

    private void Queue(Inbox inbox)
    {
        if (inbox.IsQueued || inbox.IsLocked || inbox.IsClosed || inbox.IsHeld || inbox.Messages.Count == 0)
            return;
        inbox.IsQueued = true;
        Remove(inbox);
        ready.TryWrite(inbox);
    }

    private void Wait(Inbox inbox)
    {
        inbox.Place = _waiting.AddLast(inbox);
        if (_waiting.Count <= room)
            return;
        // It has no messages: one that comes finds no inbox, and its instance is read again.
        var longest = _waiting.First!.Value;
        Remove(longest);
        _all.Remove(longest.Id);
    }

    private void Remove(Inbox inbox)
    {
        if (inbox.Place is { } place)
            _waiting.Remove(place);
        inbox.Place = null;
    }
}
