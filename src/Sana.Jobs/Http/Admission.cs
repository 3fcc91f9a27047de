using Sana.Jobs.Worker;

namespace Sana.Jobs.Http;

/// <summary>Whether there is room for another job. Who is turned away is told when to come back, so that a queue that is full stays at its bound.</summary>
internal sealed class Admission(ApiParts parts)
{
    private static readonly TimeSpan Fresh = TimeSpan.FromMilliseconds(200);

    private readonly Lock _gate = new();
    private long _waiting;
    private long _counted = long.MinValue;

    /// <summary>Reserves room for one job.</summary>
    /// <param name="needsWorker">The client waits for the image: without a warm worker that is 503 and not a place in the queue.</param>
    /// <param name="cancellationToken">Stops counting.</param>
    /// <exception cref="ApiException">429 or 503, with the time after which to ask again.</exception>
    public async Task Enter(bool needsWorker, CancellationToken cancellationToken)
    {
        switch (parts.Worker?.Invoke())
        {
            case WorkerState.Broken:
                throw NotReady("The model could not be loaded; see /readyz.", 60);
            case WorkerState.Draining or WorkerState.Stopped:
                throw NotReady("The server is stopping.", 10);
            case WorkerState.Loading or WorkerState.Ready when needsWorker:
                throw NotReady("The model is being loaded.", 5);
        }

        if (await Waiting(cancellationToken) >= parts.MaxQueued)
        {
            throw new ApiException(429, "queue_full", $"{parts.MaxQueued} jobs wait already; ask again later.") { RetryAfter = TimeSpan.FromSeconds(Math.Clamp(parts.MaxQueued / 50, 1, 60)) };
        }
    }

    /// <summary>Counted seldom, and by each entry between two counts: a burst does not slip through under an old number.</summary>
    private async Task<long> Waiting(CancellationToken cancellationToken)
    {
        var now = parts.Clock.GetTimestamp();
        lock (_gate)
        {
            if (_counted != long.MinValue && parts.Clock.GetElapsedTime(_counted, now) < Fresh)
                return _waiting++;
            _counted = now;
        }

        var counts = await parts.Queue.Count(cancellationToken);
        lock (_gate)
        {
            _waiting = counts.Waiting;
            return _waiting++;
        }
    }

    private static ApiException NotReady(string message, int seconds) => new(503, "not_ready", message) { RetryAfter = TimeSpan.FromSeconds(seconds) };
}
