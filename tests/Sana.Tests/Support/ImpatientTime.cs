namespace Sana.Tests.Support;

/// <summary>A clock for tests over real connections: waits up to a limit are over at once and are noted, longer ones never end. So retries cost no time and deadlines far away never strike.</summary>
internal sealed class ImpatientTime(TimeSpan limit) : TimeProvider
{
    private readonly List<TimeSpan> _waits = [];
    private long _ticks;

    /// <summary>What was waited for, in order.</summary>
    public IReadOnlyList<TimeSpan> Waits
    {
        get
        {
            lock (_waits)
                return [.. _waits];
        }
    }

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => Interlocked.Read(ref _ticks);

    public override DateTimeOffset GetUtcNow() => new(2030, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new ImpatientTimer(this, System.CreateTimer(callback, state, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan));
        timer.Change(dueTime, period);
        return timer;
    }

    private TimeSpan Shorten(TimeSpan dueTime)
    {
        if (dueTime == Timeout.InfiniteTimeSpan || dueTime > limit)
            return Timeout.InfiniteTimeSpan;
        lock (_waits)
            _waits.Add(dueTime);
        Interlocked.Add(ref _ticks, dueTime.Ticks);
        return TimeSpan.Zero;
    }

    private sealed class ImpatientTimer(ImpatientTime time, ITimer timer) : ITimer
    {
        public bool Change(TimeSpan dueTime, TimeSpan period) => timer.Change(time.Shorten(dueTime), Timeout.InfiniteTimeSpan);

        public void Dispose() => timer.Dispose();

        public ValueTask DisposeAsync() => timer.DisposeAsync();
    }
}
