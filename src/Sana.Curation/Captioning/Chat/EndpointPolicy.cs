using Microsoft.Extensions.AI;
using Polly;
using Polly.CircuitBreaker;
using Polly.Retry;
using Polly.Timeout;
using Sana.Curation.Captioning.Config;

namespace Sana.Curation.Captioning.Chat;

/// <summary>How long, how often and when not.</summary>
internal static class EndpointPolicy
{
    /// <summary>An endpoint that wants to be asked later than this is not waited for longer; it is asked.</summary>
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
