using System.ClientModel;
using System.Globalization;
using Microsoft.Extensions.AI;
using Polly;
using Polly.CircuitBreaker;
using Polly.Timeout;
using Sana.Curation.Captioning.Config;

namespace Sana.Curation.Captioning.Chat;

/// <summary>One endpoint of a captioner with its pace, its retries and its circuit.</summary>
internal sealed class ChatEndpoint(IChatClient client, IDisposable connections, CaptionerConfig one, TimeProvider time, bool waitForCircuit) : IDisposable
{
    private readonly EndpointPace _pace = new(one, time);
    private readonly ResiliencePipeline<ChatResponse> _tries = EndpointPolicy.Tries(one, time, waitForCircuit);
    private readonly ResiliencePipeline _deadline = EndpointPolicy.Deadline(one, time);

    /// <summary>Asks until there is an answer or no sense in asking on.</summary>
    /// <exception cref="EndpointFault">There is no answer.</exception>
    public async Task<ChatResponse> Ask(ChatQuestion question, AskTally tally, CancellationToken cancellationToken)
    {
        try
        {
            return await _tries.ExecuteAsync(async token => await Try(question, tally, token), cancellationToken);
        }
        catch (TimeoutRejectedException)
        {
            var sentence = string.Create(CultureInfo.InvariantCulture, $"No answer within {one.DeadlineSeconds} s, {tally.Attempts} requests sent.");
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

    private async ValueTask<ChatResponse> Try(ChatQuestion question, AskTally tally, CancellationToken cancellationToken)
    {
        var expected = question.InputEstimate + question.MaxTokens;
        await _pace.Take(expected, cancellationToken);
        try
        {
            var answer = await _deadline.ExecuteAsync(async token => await Send(question, tally, token), cancellationToken);
            _pace.Correct(tally.Add(question, answer, one.Price) - expected);
            return answer;
        }
        catch (EndpointFault fault)
        {
            _pace.Correct(-expected);
            if (fault.RetryAfter is { } wait)
                _pace.Pause(EndpointPolicy.Capped(wait));
            throw;
        }
    }

    private async ValueTask<ChatResponse> Send(ChatQuestion question, AskTally tally, CancellationToken cancellationToken)
    {
        tally.Begin();
        try
        {
            return await question.Send(client, cancellationToken);
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
