namespace Sana.Local.Engine;

/// <summary>
/// A running instance in memory. Rows are posted by the writer thread once they are on disk; turns run on the thread pool, one at a time, so that an
/// instance goes on without replay as long as the process lives.
/// </summary>
internal sealed class LiveInstance : IThreadPoolWorkItem, IDisposable
{
    private readonly object _gate = new();
    private readonly Action<LiveInstance, Turn> _carryOut;
    private readonly CancellationToken _stopping;
    private readonly Dictionary<int, (TimerQueue Queue, TimerQueue.Entry Entry)> _timers = [];
    private readonly List<StepRun> _held = [];
    private CancellationTokenSource _steps;
    private List<HistoryRow> _rows;
    private long _lastSeq;
    private bool _queued;
    private bool _suspended;
    private bool _closed;

    public LiveInstance(Recorded recorded, Func<LiveInstance, Execution> begin, Action<LiveInstance, Turn> carryOut, CancellationToken stopping)
    {
        (Recorded, _rows, _carryOut, _stopping) = (recorded, recorded.History, carryOut, stopping);
        _lastSeq = recorded.History.Count > 0 ? recorded.History[^1].Seq : 0;
        _steps = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        Execution = begin(this);
    }

    /// <summary>What it was loaded with; its history is let go after the first turn.</summary>
    public Recorded Recorded { get; private set; }

    public Execution Execution { get; }

    /// <summary>Canceled when nobody waits for the running steps any more.</summary>
    public CancellationToken Steps
    {
        get
        {
            lock (_gate)
                return _steps.Token;
        }
    }

    /// <summary>Hands over a row that is on disk. One that the instance was loaded with is known.</summary>
    public void Post(HistoryRow row)
    {
        lock (_gate)
        {
            if (row.Seq <= _lastSeq)
                return;
            _lastSeq = row.Seq;
            _rows.Add(row);
            Wake();
        }
    }

    /// <summary>Has a turn run soon, even with no rows.</summary>
    public void Wake()
    {
        lock (_gate)
        {
            if (_queued || _suspended || _closed)
                return;
            _queued = true;
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
    }

    public void Suspend()
    {
        lock (_gate)
            _suspended = true;
    }

    /// <summary>Goes on; the steps that were kept from starting.</summary>
    public IReadOnlyList<StepRun> Resume()
    {
        lock (_gate)
        {
            _suspended = false;
            var held = _held.ToArray();
            _held.Clear();
            Wake();
            return held;
        }
    }

    /// <summary>Whether a step may start. False when nobody wants it any more, or when it is kept until <see cref="Resume"/>.</summary>
    public bool Admits(StepRun run)
    {
        lock (_gate)
        {
            if (_suspended)
                _held.Add(run);
            return !_suspended && !_closed && !run.Call.Dropped;
        }
    }

    public void SetTimer(TimerQueue queue, Call call, Action ring)
    {
        lock (_gate)
        {
            if (!_closed)
                _timers.Add(call.Number, (queue, queue.Add(call.Due, ring)));
        }
    }

    public void StopTimer(Call call)
    {
        lock (_gate)
        {
            if (_timers.Remove(call.Number, out var timer))
                timer.Queue.Remove(timer.Entry);
        }
    }

    /// <summary>Tells the running steps that nobody waits for them; later ones get a new token.</summary>
    public void CancelSteps()
    {
        CancellationTokenSource old;
        lock (_gate)
        {
            if (_closed)
                return;
            old = _steps;
            _steps = CancellationTokenSource.CreateLinkedTokenSource(_stopping);
        }

        _ = CallOff(old);
    }

    /// <summary>Takes no further turn and starts no further step.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_closed)
                return;
            _closed = true;
            foreach (var (queue, entry) in _timers.Values)
                queue.Remove(entry);
            _timers.Clear();
        }

        // Away from the caller, which is the writer thread: what a step does when it is called off may take long.
        _ = CallOff(_steps);
    }

    void IThreadPoolWorkItem.Execute()
    {
        List<HistoryRow> rows;
        lock (_gate)
        {
            if (_closed || _suspended)
            {
                _queued = false;
                return;
            }

            (rows, _rows) = (_rows, []);
        }

        var turn = Execution.Advance(rows);
        _carryOut(this, turn);
        Recorded = Recorded with { History = [], Retries = [] };

        lock (_gate)
        {
            _queued = false;
            if (turn.Outcome is null && (_rows.Count > 0 || Execution.IsDisturbed))
                Wake();
        }
    }

    private static async Task CallOff(CancellationTokenSource steps)
    {
        await steps.CancelAsync();
        steps.Dispose();
    }
}
