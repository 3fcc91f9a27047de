using System.ClientModel;
using System.Globalization;
using Microsoft.Extensions.AI;
using Polly;
using Polly.CircuitBreaker;
using Polly.Retry;
using Polly.Timeout;
using Sana.Curation.Captioning.Config;

namespace Sana.Curation.Captioning.Chat;

/// <summary>One endpoint of a captioner with its rate limits, its retries and its circuit breaker.</summary>
internal sealed class ChatEndpoint(IChatClient client, IDisposable connections, CaptionerConfig one, TimeProvider time, bool waitForCircuit) : IDisposable
{
    private readonly EndpointRateLimit _rateLimit = new(one, time);
    private readonly ResiliencePipeline<ChatResponse> _tries = EndpointResilience.Tries(one, time, waitForCircuit);
    private readonly ResiliencePipeline _deadline = EndpointResilience.Deadline(one, time);
    private volatile EndpointFault? _stop;

    /// <summary>Lets the endpoint be asked again after a failure for good: somebody may have mended it.</summary>
    public void Resume() => _stop = null;

    /// <summary>Asks until there is an answer or no sense in asking on. After a failure for good nothing is sent any more.</summary>
    /// <exception cref="EndpointFault">There is no answer.</exception>
    public async Task<ChatResponse> Ask(ChatRequest request, RequestUsage usage, CancellationToken cancellationToken)
    {
        if (_stop is { } stop)
            throw new EndpointFault(stop.Reason, stop.Message, retryable: false);
        try
        {
            return await _tries.ExecuteAsync(async token => await Try(request, usage, token), cancellationToken);
        }
        catch (EndpointFault fault) when (fault.IsPermanent)
        {
            _stop = fault;
            throw;
        }
        catch (TimeoutRejectedException)
        {
            var sentence = string.Create(CultureInfo.InvariantCulture, $"No answer within {one.DeadlineSeconds} s, {usage.Attempts} requests sent.");
            throw new EndpointFault(Reasons.CaptionerTimeout, sentence, retryable: true);
        }
        catch (BrokenCircuitException)
        {
            throw new EndpointFault(Reasons.CaptionerUnavailable, "The endpoint failed so often that it is left alone for a while.", retryable: true);
        }
    }

    public void Dispose()
    {
        client.Dispose();
        connections.Dispose();
    }

    private async ValueTask<ChatResponse> Try(ChatRequest request, RequestUsage usage, CancellationToken cancellationToken)
    {
        var expected = request.InputEstimate + request.MaxTokens;
        await _rateLimit.Take(expected, cancellationToken);
        try
        {
            var answer = await _deadline.ExecuteAsync(async token => await Send(request, usage, token), cancellationToken);
            _rateLimit.Correct(usage.Add(request, answer, one.Price) - expected);
            return answer;
        }
        catch (EndpointFault fault)
        {
            _rateLimit.Correct(-expected);
            if (fault.RetryAfter is { } wait)
                _rateLimit.Pause(EndpointResilience.Capped(wait));
            throw;
        }
    }

    private async ValueTask<ChatResponse> Send(ChatRequest request, RequestUsage usage, CancellationToken cancellationToken)
    {
        if (_stop is null)
            usage.Begin();
        try
        {
            // Whoever waited for its turn while the endpoint failed for good is not sent.
            return _stop is { } stop ? throw new EndpointFault(stop.Reason, stop.Message, retryable: false) : await request.Send(client, cancellationToken);
        }
        catch (Exception error) when (error is not (EndpointFault or OperationCanceledException))
        {
            // The client library answers a body that it cannot read with whatever its reader threw.
            throw error is ClientResultException
                ? new EndpointFault(Reasons.CaptionerUnavailable, "The request did not come through.", retryable: true)
                : EndpointFault.BadAnswer($"The answer cannot be read ({error.GetType().Name}).");
        }
    }
}

/// <summary>Timeouts, retries, concurrency and circuit breaker of an endpoint.</summary>
internal static class EndpointResilience
{
    /// <summary>The longest wait before a retry, whatever the endpoint asks for.</summary>
    private static readonly TimeSpan _longestWait = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan _break = TimeSpan.FromSeconds(15);

    public static TimeSpan Capped(TimeSpan wait) => wait < _longestWait ? wait : _longestWait;

    /// <summary>Asks in flight at once; who comes later waits in order.</summary>
    public static ResiliencePipeline Places(CaptionerConfig one) =>
        new ResiliencePipelineBuilder().AddConcurrencyLimiter(one.Concurrency, queueLimit: int.MaxValue).Build();

    /// <summary>One request's time.</summary>
    public static ResiliencePipeline Deadline(CaptionerConfig one, TimeProvider time) =>
        new ResiliencePipelineBuilder { TimeProvider = time }.AddTimeout(TimeSpan.FromSeconds(one.DeadlineSeconds)).Build();

    /// <summary>Retries around a circuit that opens when half of at least ten requests in half a minute failed.</summary>
    /// <param name="one">The captioner.</param>
    /// <param name="time">The clock of all waits.</param>
    /// <param name="waitForCircuit">Whether an ask waits for an open circuit (there is nobody else to ask) or leaves at once.</param>
    public static ResiliencePipeline<ChatResponse> Tries(CaptionerConfig one, TimeProvider time, bool waitForCircuit)
    {
        var builder = new ResiliencePipelineBuilder<ChatResponse> { TimeProvider = time };
        if (one.MaxAttempts > 1)
        {
            builder.AddRetry(new RetryStrategyOptions<ChatResponse>
            {
                MaxRetryAttempts = one.MaxAttempts - 1,
                Delay = TimeSpan.FromSeconds(1),
                MaxDelay = TimeSpan.FromSeconds(30),
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true,
                ShouldHandle = retry => ValueTask.FromResult(retry.Outcome.Exception is EndpointFault { Retryable: true } or TimeoutRejectedException
                    || (waitForCircuit && retry.Outcome.Exception is BrokenCircuitException)),
                DelayGenerator = retry => ValueTask.FromResult(retry.Outcome.Exception switch
                {
                    EndpointFault { RetryAfter: { } wait } => Capped(wait),
                    BrokenCircuitException circuit => circuit.RetryAfter ?? _break,
                    _ => (TimeSpan?)null, // the strategy's own, with jitter
                }),
            });
        }

        return builder.AddCircuitBreaker(new CircuitBreakerStrategyOptions<ChatResponse>
        {
            FailureRatio = 0.5,
            MinimumThroughput = 10,
            SamplingDuration = TimeSpan.FromSeconds(30),
            BreakDuration = _break,
            ShouldHandle = call => ValueTask.FromResult(call.Outcome.Exception is TimeoutRejectedException
                || call.Outcome.Exception is EndpointFault { Reason: Reasons.CaptionerUnavailable, RetryAfter: null }),
        }).Build();
    }
}

/// <summary>When the next request to an endpoint may begin: requests and tokens a minute, and the pause that the endpoint asked for.</summary>
internal sealed class EndpointRateLimit(CaptionerConfig one, TimeProvider time)
{
    private readonly MinuteRateLimit? _requests = one.RequestsPerMinute is { } requests ? new MinuteRateLimit(requests, time) : null;
    private readonly MinuteRateLimit? _tokens = one.TokensPerMinute is { } tokens ? new MinuteRateLimit(tokens, time) : null;
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

/// <summary>
/// Limits an amount a minute, evenly: each caller reserves a stretch of time and waits until it begins. System.Threading.RateLimiting's token bucket does not
/// fit: it takes nothing back when an estimate turns out wrong, cannot go below zero, and has its own clock.
/// </summary>
internal sealed class MinuteRateLimit(double perMinute, TimeProvider time)
{
    // A tenth of a minute may be used at once, so that a burst of requests need not wait.
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
