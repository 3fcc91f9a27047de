namespace DurableTask.Sqlite;

/// <summary>Calls back at given times, with one alarm of the clock for all of them.</summary>
internal sealed class TimerQueue : IDisposable
{
    // A clock's alarm takes 49 days at most: for longer waits it rings once a day.
    private static readonly TimeSpan _longest = TimeSpan.FromDays(1);

    private readonly object _gate = new();
    private readonly PriorityQueue<Action, (DateTime Due, long Number)> _entries = new();
    private readonly TimeProvider _clock;
    private readonly ITimer _alarm;
    private long _number;
    private bool _closed;

    public TimerQueue(TimeProvider clock)
    {
        _clock = clock;
        _alarm = clock.CreateTimer(_ => Ring(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Calls <paramref name="ring"/> once at <paramref name="due"/> (UTC), on the clock's thread: it must be quick.</summary>
    public void Add(DateTime due, Action ring)
    {
        lock (_gate)
        {
            var place = (due, _number++);
            _entries.Enqueue(ring, place);
            if (_entries.TryPeek(out _, out var first) && first == place)
                Arm();
        }
    }

    public void Clear()
    {
        lock (_gate)
            _entries.Clear();
    }

    public void Dispose()
    {
        lock (_gate)
            _closed = true;
        _alarm.Dispose();
    }

    private void Ring()
    {
        List<Action> due = [];
        lock (_gate)
        {
            var now = _clock.GetUtcNow().UtcDateTime;
            while (_entries.TryPeek(out var ring, out var place) && place.Due <= now)
            {
                _entries.Dequeue();
                due.Add(ring);
            }

            Arm();
        }

        foreach (var ring in due)
            ring();
    }

    private void Arm()
    {
        if (_closed || !_entries.TryPeek(out _, out var first))
            return;
        var wait = first.Due - _clock.GetUtcNow().UtcDateTime;
        // Rounded up: an alarm counts whole milliseconds, and one that rings early would be set again and again.
        _alarm.Change(wait <= TimeSpan.Zero ? TimeSpan.Zero : wait > _longest ? _longest : wait + TimeSpan.FromMilliseconds(1), Timeout.InfiniteTimeSpan);
    }
}
