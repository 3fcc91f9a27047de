using Sana.Curation.Captioning.Config;

namespace Sana.Curation.Captioning.Chat;

/// <summary>When the next request to an endpoint may begin: requests and tokens a minute, and the pause that the endpoint asked for.</summary>
internal sealed class EndpointPace(CaptionerConfig one, TimeProvider time)
{
    private readonly MinuteBudget? _requests = one.RequestsPerMinute is { } requests ? new MinuteBudget(requests, time) : null;
    private readonly MinuteBudget? _tokens = one.TokensPerMinute is { } tokens ? new MinuteBudget(tokens, time) : null;
    private readonly long _start = time.GetTimestamp();
    private long _pausedUntil;

    /// <summary>Waits for room.</summary>
    /// <param name="tokens">Estimate of prompt, image and answer.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task Take(int tokens, CancellationToken cancellationToken)
    {
        if (_requests is not null)
            await _requests.Take(1, cancellationToken);
        if (_tokens is not null)
            await _tokens.Take(tokens, cancellationToken);
        while (TimeSpan.FromTicks(Volatile.Read(ref _pausedUntil)) - time.GetElapsedTime(_start) is { Ticks: > 0 } pause)
            await Task.Delay(pause, time, cancellationToken);
    }

    /// <summary>Tells what an ask really took.</summary>
    public void Correct(int difference) => _tokens?.Correct(difference);

    /// <summary>An endpoint that wants one ask later wants them all later: otherwise each would find out by a refusal of its own.</summary>
    public void Pause(TimeSpan wait)
    {
        var until = (time.GetElapsedTime(_start) + wait).Ticks;
        for (var seen = Volatile.Read(ref _pausedUntil); until > seen;)
        {
            var found = Interlocked.CompareExchange(ref _pausedUntil, until, seen);
            if (found == seen)
                return;
            seen = found;
        }
    }
}
