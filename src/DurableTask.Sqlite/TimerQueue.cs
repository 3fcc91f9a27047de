namespace DurableTask.Sqlite;

/// <summary>Calls back at given times, with one alarm of the clock for all of them.</summary>
internal sealed class TimerQueue : IDisposable
{
    // An alarm counts time that has passed, and not the hour: after the clock was set forward, or the machine slept, it would ring late. So it looks at the hour this often.
    private static readonly TimeSpan _longest = TimeSpan.FromSeconds(10);

    private readonly Lock _gate = new();
    private readonly PriorityQueue<Entry, (DateTime Due, long Number)> _entries = new();
    private readonly Dictionary<string, HashSet<Entry>> _byOwner = [];
    private readonly TimeProvider _clock;
    private readonly ITimer _alarm;
    private long _number;
    private int _removed;
    private bool _closed;

    public TimerQueue(TimeProvider clock)
    {
        _clock = clock;
        _alarm = clock.CreateTimer(_ => Ring(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Entries in memory, the removed ones that are not cleared away yet among them.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
                return _entries.Count;
        }
    }

    /// <summary>Calls <paramref name="ring"/> once at <paramref name="due"/> (UTC), on the clock's thread: it must be quick.</summary>
    /// <param name="due">When, UTC.</param>
    /// <param name="ring">What is called.</param>
    /// <param name="owner">Whose it is, for <see cref="Remove"/>.</param>
    /// <param name="isHour">It is an hour, which <see cref="Advance"/> leaves alone, and not a time from now.</param>
    public void Add(DateTime due, Action ring, string? owner = null, bool isHour = false)
    {
        lock (_gate)
        {
            var (entry, place) = (new Entry(ring, owner, isHour), (due, _number++));
            if (owner is not null && !_byOwner.TryAdd(owner, [entry]))
                _byOwner[owner].Add(entry);
            _entries.Enqueue(entry, place);
            if (_entries.TryPeek(out _, out var first) && first == place)
                Arm();
        }
    }

    /// <summary>Removes all of one owner.</summary>
    public void Remove(string owner)
    {
        lock (_gate)
        {
            if (!_byOwner.Remove(owner, out var entries))
                return;
            foreach (var entry in entries)
                entry.Ring = null;
            _removed += entries.Count;
            // They are cleared away when they are the greater part, so that each costs little and none stays long.
            if (_removed < 1_000 || _removed < _entries.Count / 2)
                return;
            var rest = _entries.UnorderedItems.Where(item => item.Element.Ring is not null).ToList();
            _entries.Clear();
            _entries.EnqueueRange(rest);
            _removed = 0;
        }
    }

    /// <summary>The clock was set back by so much: what waits for some time is due as much earlier.</summary>
    public void Advance(TimeSpan time)
    {
        lock (_gate)
        {
            var all = _entries.UnorderedItems
                .Select(item => item.Element.IsHour ? item : (item.Element, (new DateTime(Math.Max(0, item.Priority.Due.Ticks - time.Ticks), DateTimeKind.Utc), item.Priority.Number)))
                .ToList();
            _entries.Clear();
            _entries.EnqueueRange(all);
            Arm();
        }
    }

    public void Clear()
    {
        lock (_gate)
        {
            _entries.Clear();
            _byOwner.Clear();
            _removed = 0;
        }
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
            while (_entries.TryPeek(out var entry, out var place) && (place.Due <= now || entry.Ring is null))
            {
                _entries.Dequeue();
                if (entry.Ring is { } ring)
                    due.Add(ring);
                else
                    _removed--;
                Disown(entry);
            }

            Arm();
        }

        foreach (var ring in due)
            ring();
    }

    private void Disown(Entry entry)
    {
        if (entry.Owner is { } owner && _byOwner.TryGetValue(owner, out var entries) && entries.Remove(entry) && entries.Count == 0)
            _byOwner.Remove(owner);
    }

    private void Arm()
    {
        if (_closed || !_entries.TryPeek(out _, out var first))
            return;
        var wait = first.Due - _clock.GetUtcNow().UtcDateTime;
        // Rounded up: an alarm counts whole milliseconds, and one that rings early would be set again and again.
        _alarm.Change(wait <= TimeSpan.Zero ? TimeSpan.Zero : wait > _longest ? _longest : wait + TimeSpan.FromMilliseconds(1), Timeout.InfiniteTimeSpan);
    }

    /// <summary>A class, not a record: two entries are never the same.</summary>
    private sealed class Entry(Action ring, string? owner, bool isHour)
    {
        public bool IsHour { get; } = isHour;

        public Action? Ring { get; set; } = ring;

        public string? Owner { get; } = owner;
    }
}
