namespace Sana.Local.Engine;

/// <summary>Calls back at given times, with one alarm of the clock for all of them.</summary>
internal sealed class TimerQueue : IDisposable
{
    // A clock's alarm takes 49 days at most: longer waits are looked at once a day.
    private static readonly TimeSpan _longest = TimeSpan.FromDays(1);

    private readonly object _gate = new();
    private readonly SortedSet<Entry> _entries = new(Comparer<Entry>.Create((a, b) => (a.Due, a.Number).CompareTo((b.Due, b.Number))));
    private readonly TimeProvider _clock;
    private readonly ITimer _alarm;
    private long _number;
    private bool _closed;

    public TimerQueue(TimeProvider clock)
    {
        _clock = clock;
        _alarm = clock.CreateTimer(_ => Ring(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    internal sealed record Entry(DateTime Due, long Number, Action Ring);

    /// <summary>Calls <paramref name="ring"/> once at <paramref name="due"/> (UTC), on the clock's thread: it must be quick.</summary>
    public Entry Add(DateTime due, Action ring)
    {
        lock (_gate)
        {
            var entry = new Entry(due, _number++, ring);
            _entries.Add(entry);
            if (_entries.Min == entry)
                Arm();
            return entry;
        }
    }

    public void Remove(Entry entry)
    {
        lock (_gate)
            _entries.Remove(entry);
    }

    public void Dispose()
    {
        lock (_gate)
            _closed = true;
        _alarm.Dispose();
    }

    private void Ring()
    {
        List<Entry> due = [];
        lock (_gate)
        {
            var now = _clock.GetUtcNow().UtcDateTime;
            while (_entries.Min is { } first && first.Due <= now)
            {
                _entries.Remove(first);
                due.Add(first);
            }

            Arm();
        }

        foreach (var entry in due)
            entry.Ring();
    }

    private void Arm()
    {
        if (_closed || _entries.Min is not { } first)
            return;
        var wait = first.Due - _clock.GetUtcNow().UtcDateTime;
        // Rounded up: an alarm counts whole milliseconds, and one that rings early would spin.
        _alarm.Change(wait <= TimeSpan.Zero ? TimeSpan.Zero : wait > _longest ? _longest : wait + TimeSpan.FromMilliseconds(1), Timeout.InfiniteTimeSpan);
    }
}
