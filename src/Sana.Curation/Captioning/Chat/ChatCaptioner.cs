using Microsoft.Extensions.AI;
using Polly;
using Sana.Curation.Captioning.Config;

namespace Sana.Curation.Captioning.Chat;

/// <summary>A captioner behind an endpoint that speaks the OpenAI chat protocol: vLLM, SGLang, lmdeploy, VILA's server, Azure OpenAI, Ollama.</summary>
public sealed class ChatCaptioner : ICaptioner, IDisposable
{
    private readonly CaptionerConfig _one;
    private readonly TimeProvider _time;
    private readonly ResiliencePipeline _places;
    private readonly ChatEndpoint _first;
    private readonly ChatEndpoint? _fallback;

    private ChatCaptioner(CaptionerConfig one, ChatEndpoint first, ChatEndpoint? fallback, TimeProvider time)
    {
        (_one, _first, _fallback, _time) = (one, first, fallback, time);
        _places = EndpointPolicy.Places(one);
        Card = new CaptionerCard(one.Label, one.Model, one.Revision, one.Licence, one.Prompt.Text, AskSettings.Of(one), one.Concurrency);
    }

    /// <inheritdoc/>
    public CaptionerCard Card { get; }

    /// <summary>A captioner of the kind <c>chat</c>. Keys are read here, once.</summary>
    /// <param name="one">From <see cref="CaptionerFile"/>.</param>
    /// <param name="time">The clock of all waits. Default the system's.</param>
    /// <param name="environment">Reads the variables that keys are in. Default the process's.</param>
    /// <exception cref="CurationException">It is of another kind, or a key is not where it should be.</exception>
    public static ChatCaptioner Create(CaptionerConfig one, TimeProvider? time = null, Func<string, string?>? environment = null)
    {
        ArgumentNullException.ThrowIfNull(one);
        if (one.Target is not { } target)
            throw new CurationException($"Captioner {one.Label} is of the kind onnx; it has no endpoint to ask.");
        var clock = time ?? TimeProvider.System;
        ChatEndpoint Endpoint(ChatTarget at, bool last)
        {
            var (client, connections) = ChatClients.Create(at, at.Key?.Read(one.Label, environment ?? Environment.GetEnvironmentVariable), clock);
            return new ChatEndpoint(client, connections, one, clock, waitForCircuit: last);
        }

        return new ChatCaptioner(one, Endpoint(target, last: one.Fallback is null), one.Fallback is { } fallback ? Endpoint(fallback, last: true) : null, clock);
    }

    /// <inheritdoc/>
    public async Task<CaptionAnswer> Ask(CaptionAsk ask, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(ask);
        return await _places.ExecuteAsync(async token => await AskInPlace(ask, token), cancellationToken);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _first.Dispose();
        _fallback?.Dispose();
    }

    private async Task<CaptionAnswer> AskInPlace(CaptionAsk ask, CancellationToken cancellationToken)
    {
        var tally = new AskTally(_time);
        try
        {
            var question = new ChatQuestion(_one, ask);
            try
            {
                return Answered(await _first.Ask(question, tally, cancellationToken), tally, endpoint: null);
            }
            catch (EndpointFault fault) when (_fallback is not null)
            {
                return await AskFallback(question, fault, tally, cancellationToken);
            }
        }
        catch (EndpointFault fault)
        {
            return Taken(tally) with { Reason = fault.Reason, Message = fault.Message };
        }
    }

    private async Task<CaptionAnswer> AskFallback(ChatQuestion question, EndpointFault first, AskTally tally, CancellationToken cancellationToken)
    {
        try
        {
            return Answered(await _fallback!.Ask(question, tally, cancellationToken), tally, _one.Fallback?.Endpoint.Authority ?? "fallback");
        }
        catch (EndpointFault second)
        {
            return Taken(tally) with { Reason = second.Reason, Message = $"{first.Message} The fallback: {second.Message}" };
        }
    }

    private static CaptionAnswer Answered(ChatResponse response, AskTally tally, string? endpoint) =>
        Taken(tally) with { Text = response.Text, FinishReason = response.FinishReason?.Value, Endpoint = endpoint };

    private static CaptionAnswer Taken(AskTally tally) => new()
    {
        InputTokens = tally.InputTokens,
        OutputTokens = tally.OutputTokens,
        Cost = tally.Cost,
        Attempts = tally.Attempts,
        LatencyMs = tally.Milliseconds,
        TokensEstimated = tally.Estimated,
    };
}
