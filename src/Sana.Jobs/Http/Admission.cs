using Sana.Jobs.Queue;
using Sana.Jobs.Worker;

namespace Sana.Jobs.Http;

/// <summary>
/// Whether there is room for another job, one instance for all ways in. Who is turned away is told when to come back, each a little later than the one before, so that a queue that is full
/// stays at its bound.
/// </summary>
internal sealed class Admission(ApiParts parts)
{
    private static readonly TimeSpan Fresh = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LongestWait = TimeSpan.FromHours(1);

    private readonly Lock _gate = new();
    private readonly QueuePace _pace = new();
    private Task<QueueCounts>? _counting;
    private long _waiting;
    private long _entered;
    private long _counted = long.MinValue;
    private DateTimeOffset _nextPlace;

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
                throw ApiException.Stopping();
            case WorkerState.Loading or WorkerState.Ready when needsWorker:
                throw NotReady("The model is being loaded.", 5);
        }

        while (!TryEnter())
            await Count().WaitAsync(cancellationToken);
    }

    /// <summary>Counted seldom, and by each entry between two counts: a burst does not slip through under an old number. False when it has to be counted first.</summary>
    private bool TryEnter()
    {
        lock (_gate)
        {
            if (_counted == long.MinValue || parts.Clock.GetElapsedTime(_counted) >= Fresh)
                return false;
            if (_waiting >= parts.MaxQueued)
            {
                var wait = NextPlace();
                throw new ApiException(429, "queue_full", $"{Storage.Counted.Of(parts.MaxQueued, "job waits", "jobs wait")} already (--max-queue); a place is expected in {Math.Ceiling(wait.TotalSeconds):0} s.")
                {
                    OpenAICode = "rate_limit_exceeded",
                    RetryAfter = wait,
                };
            }

            _waiting++;
            _entered++;
            return true;
        }
    }

    /// <summary>One count for all who ask while it runs.</summary>
    private Task<QueueCounts> Count()
    {
        lock (_gate)
            return _counting ??= Counted();
    }

    private async Task<QueueCounts> Counted()
    {
        await Task.Yield();
        try
        {
            var counts = await parts.Queue.Count(CancellationToken.None);
            lock (_gate)
            {
                _pace.Note(parts.Clock.GetUtcNow(), counts.Waiting, _entered);
                (_waiting, _counted, _entered, _nextPlace) = (counts.Waiting, parts.Clock.GetTimestamp(), 0, default);
            }

            return counts;
        }
        finally
        {
            lock (_gate)
                _counting = null;
        }
    }

    /// <summary>When the next free place is expected that was not promised to somebody else since the last count.</summary>
    private TimeSpan NextPlace()
    {
        var now = parts.Clock.GetUtcNow();
        var over = Math.Max(1, _waiting - parts.MaxQueued + 1);
        var first = now + (over * _pace.SecondsEach);
        var next = _nextPlace + _pace.SecondsEach;
        _nextPlace = next > first ? next : first;
        return TimeSpan.FromSeconds(Math.Clamp((_nextPlace - now).TotalSeconds, 1, LongestWait.TotalSeconds));
    }

    private static ApiException NotReady(string message, int seconds) => new(503, "not_ready", message) { RetryAfter = TimeSpan.FromSeconds(seconds) };
}

/// <summary>How long one message takes to leave a queue, measured from count to count.</summary>
internal sealed class QueuePace
{
    // Before anything was measured: a small image on a small machine.
    private double _seconds = 2;
    private (DateTimeOffset At, long Waiting)? _last;

    /// <summary>Seconds from one message that is taken to the next, 0.01…3,600. Default, before two counts saw some leave, 2.</summary>
    public TimeSpan SecondsEach => TimeSpan.FromSeconds(_seconds);

    /// <summary>A count.</summary>
    /// <param name="now">When.</param>
    /// <param name="waiting">Messages that wait.</param>
    /// <param name="entered">Those that came since the last count.</param>
    public void Note(DateTimeOffset now, long waiting, long entered)
    {
        if (_last is { } last)
        {
            // How long it was empty is not known: nothing is measured over that.
            if (last.Waiting <= 0 || waiting == 0)
            {
                _last = (now, waiting);
                return;
            }

            // Where few or none left, the time runs on until some have.
            var left = last.Waiting + entered - waiting;
            var passed = (now - last.At).TotalSeconds;
            if (left <= 0 || passed < 1)
            {
                _last = (last.At, last.Waiting + entered);
                return;
            }

            _seconds = Math.Clamp((_seconds + (passed / left)) / 2, 0.01, 3600);
        }

        _last = (now, waiting);
    }
}
