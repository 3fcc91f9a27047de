namespace Sana.Local.Engine;

/// <summary>Brings events and those who wait for them together, by name, first come first served; whichever is early is kept.</summary>
internal sealed class EventBox
{
    private readonly Dictionary<string, List<EventWait>> _waits = [];
    private readonly Dictionary<string, Queue<HistoryRow>> _kept = [];

    /// <summary>How many waits are open.</summary>
    public int Waiting { get; private set; }

    /// <summary>Places in the history of the events that nobody took.</summary>
    public IEnumerable<long> Kept => _kept.Values.SelectMany(rows => rows).Select(row => row.Seq);

    public void Arrive(HistoryRow row)
    {
        if (_waits.TryGetValue(row.Name, out var waits))
        {
            var first = waits[0];
            Remove(row.Name, first);
            first.Take(row);
            return;
        }

        if (!_kept.TryGetValue(row.Name, out var rows))
            _kept.Add(row.Name, rows = new Queue<HistoryRow>());
        rows.Enqueue(row);
    }

    public void Wait(string name, EventWait wait)
    {
        if (_kept.TryGetValue(name, out var rows))
        {
            var first = rows.Dequeue();
            if (rows.Count == 0)
                _kept.Remove(name);
            wait.Take(first);
            return;
        }

        if (!_waits.TryGetValue(name, out var waits))
            _waits.Add(name, waits = []);
        waits.Add(wait);
        Waiting++;
    }

    public bool Remove(string name, EventWait wait)
    {
        if (!_waits.TryGetValue(name, out var waits) || !waits.Remove(wait))
            return false;
        if (waits.Count == 0)
            _waits.Remove(name);
        Waiting--;
        return true;
    }

    /// <summary>Ends the waiting of all; what arrives later is kept.</summary>
    public IReadOnlyList<EventWait> TakeWaits()
    {
        var waits = _waits.Values.SelectMany(list => list).ToList();
        _waits.Clear();
        Waiting = 0;
        return waits;
    }
}
