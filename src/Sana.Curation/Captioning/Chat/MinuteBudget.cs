namespace Sana.Curation.Captioning.Chat;

/// <summary>
/// So much a minute, evenly: whoever takes reserves a stretch of time and waits until it begins. System.Threading.RateLimiting's token bucket does not do
/// here: it takes nothing back when the estimate of
/// an ask turns out wrong, cannot go below zero, and keeps its own clock.
/// </summary>
internal sealed class MinuteBudget(double perMinute, TimeProvider time)
{
    // A tenth of a minute may be spent at once, so that a wave of asks need not stand in line.
    private static readonly TimeSpan _burst = TimeSpan.FromSeconds(6);
    private readonly Lock _lock = new();
    private readonly long _start = time.GetTimestamp();
    private TimeSpan _free = -_burst;

    /// <summary>Waits until there is room for so much and takes it.</summary>
    public async Task Take(double amount, CancellationToken cancellationToken)
    {
        TimeSpan wait;
        lock (_lock)
        {
            var now = time.GetElapsedTime(_start);
            var begin = _free > now - _burst ? _free : now - _burst;
            _free = begin + Stretch(amount);
            wait = begin - now;
        }

        if (wait > TimeSpan.Zero)
            await Task.Delay(wait, time, cancellationToken);
    }

    /// <summary>Takes more, or gives back, once the true amount is known.</summary>
    public void Correct(double difference)
    {
        lock (_lock)
            _free += Stretch(difference);
    }

    private TimeSpan Stretch(double amount) => TimeSpan.FromMinutes(Math.Clamp(amount / perMinute, -10, 10));
}
