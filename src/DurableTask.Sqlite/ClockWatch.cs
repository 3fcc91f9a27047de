namespace DurableTask.Sqlite;

/// <summary>Notices that the wall clock was set back, by what has passed meanwhile on the clock that only goes forward; after a restart by the time of the last transaction.</summary>
/// <remarks>A clock that was set forward needs no notice: what is due then is due.</remarks>
internal sealed class ClockWatch : IDisposable
{
    private static readonly TimeSpan _interval = TimeSpan.FromSeconds(10);

    // Clocks are corrected by small steps all the time.
    private static readonly TimeSpan _tolerance = TimeSpan.FromSeconds(2);

    private readonly TimeProvider _clock;
    private readonly ITimer _look;
    private volatile Seen? _last;

    /// <param name="clock">Tells both times.</param>
    /// <param name="last">When the last transaction was written, by the wall clock of then; null when there was none.</param>
    /// <param name="wasSetBack">Called from a timer's thread when the clock was set back: a transaction is to be written, which looks itself.</param>
    public ClockWatch(TimeProvider clock, DateTime? last, Action wasSetBack)
    {
        _clock = clock;
        _last = last is { } time ? new Seen(time, null) : null;
        _look = clock.CreateTimer(
            _ =>
            {
                if (Look().SetBack > TimeSpan.Zero)
                    wasSetBack();
            },
            null,
            _interval,
            _interval);
    }

    /// <summary>The hour, and by how much it is behind what it should be; zero when it is not.</summary>
    public (DateTime Now, TimeSpan SetBack) Look()
    {
        var (now, last) = (_clock.GetUtcNow().UtcDateTime, _last);
        if (last is null)
            return (now, TimeSpan.Zero);
        var back = last.Hour + (last.Count is { } count ? _clock.GetElapsedTime(count) : TimeSpan.Zero) - now;
        return (now, back > _tolerance ? back : TimeSpan.Zero);
    }

    /// <summary>What was looked at is written down: the next look counts from here.</summary>
    public void Saw(DateTime now) => _last = new Seen(now, _clock.GetTimestamp());

    public void Dispose() => _look.Dispose();

    /// <param name="Hour">By the wall clock.</param>
    /// <param name="Count">By the clock that only goes forward; null for an earlier process, whose count is not ours.</param>
    private sealed record Seen(DateTime Hour, long? Count);
}
