using Microsoft.Extensions.Hosting;
using Sana.Jobs.Queue;
using Sana.Jobs.Telemetry;

namespace Sana.Local.Serve;

/// <summary>Counts the queue every second, for the page, the gauges and readiness: none of them makes the queue work.</summary>
internal sealed class QueueWatch(IJobQueue queue, TimeProvider clock) : BackgroundService
{
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(15);

    private long _seen = long.MinValue;

    public QueueCounts Counts { get; private set; }

    /// <summary>False when the queue has not answered for a while.</summary>
    public bool IsReachable => _seen != long.MinValue && clock.GetElapsedTime(_seen) < Fresh;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        SanaTelemetry.Observe(() => Counts.Waiting, () => Counts.Held);
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1), clock);
        do
        {
            try
            {
                Counts = await queue.Count(stoppingToken);
                _seen = clock.GetTimestamp();
            }
            catch (Exception error) when (error is not OperationCanceledException)
            {
                // Told by readiness; the next second may be better.
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }
}
