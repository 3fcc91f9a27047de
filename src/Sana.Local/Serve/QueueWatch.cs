using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Hosting;
using Sana.Jobs.Http;
using Sana.Jobs.Queue;
using Sana.Jobs.Telemetry;
using Sana.Jobs.Worker;

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

/// <summary>Liveness and readiness: whether to restart this process, and whether to send it requests.</summary>
internal static class Health
{
    public static void MapHealth(this IEndpointRouteBuilder app, ApiParts parts, QueueWatch queue)
    {
        app.MapGet("/healthz", () => TypedResults.Text("ok\n")).WithSummary("The process lives.").WithTags("Health");
        app.MapGet("/readyz", (HttpContext context) => Ready(context, parts.Worker?.Invoke(), queue.IsReachable, parts.Unavailable(), parts.Mismatch()))
            .WithSummary("The model is loaded and warm, the queue answers and the journal can be written.").WithTags("Health").Produces<Readiness>().Produces<Readiness>(503);
    }

    private static JsonHttpResult<Readiness> Ready(HttpContext context, WorkerState? worker, bool queue, string? unavailable, string? mismatch)
    {
        var isReady = queue && unavailable is null && (worker is null or WorkerState.Warm);
        context.Response.Headers.CacheControl = "no-store";
        if (!isReady)
            context.Response.Headers.RetryAfter = "2";
        return TypedResults.Json(
            new Readiness(isReady, worker?.ToString().ToLowerInvariant(), queue ? "reachable" : "unreachable", unavailable ?? "written", mismatch), statusCode: isReady ? 200 : 503);
    }

    /// <param name="Ready">Whether requests are to be sent here.</param>
    /// <param name="Worker">Where the worker stands.</param>
    /// <param name="Queue">reachable or unreachable.</param>
    /// <param name="Journal">written, or the sentence that says why it cannot be.</param>
    /// <param name="ModelMismatch">What waits for a worker with another checkpoint; this process serves all the same.</param>
    private sealed record Readiness(bool Ready, string? Worker, string Queue, string Journal, string? ModelMismatch);
}
