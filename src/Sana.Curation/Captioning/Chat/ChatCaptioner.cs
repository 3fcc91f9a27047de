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
        _places = EndpointResilience.Places(one);
        Card = one.Card();
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
    public void Resume()
    {
        _first.Resume();
        _fallback?.Resume();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _first.Dispose();
        _fallback?.Dispose();
    }

    private async Task<CaptionAnswer> AskInPlace(CaptionAsk ask, CancellationToken cancellationToken)
    {
        var usage = new RequestUsage(_time);
        try
        {
            var request = new ChatRequest(_one, ask);
            try
            {
                return Answered(await _first.Ask(request, usage, cancellationToken), usage, endpoint: null);
            }
            catch (EndpointFault fault) when (_fallback is not null)
            {
                return await AskFallback(request, fault, usage, cancellationToken);
            }
        }
        catch (EndpointFault fault)
        {
            return Taken(usage) with { Reason = fault.Reason, Message = fault.Message };
        }
    }

    private async Task<CaptionAnswer> AskFallback(ChatRequest request, EndpointFault first, RequestUsage usage, CancellationToken cancellationToken)
    {
        try
        {
            return Answered(await _fallback!.Ask(request, usage, cancellationToken), usage, _one.Fallback?.Endpoint.Authority ?? "fallback");
        }
        catch (EndpointFault second)
        {
            return Taken(usage) with { Reason = second.Reason, Message = $"{first.Message} The fallback: {second.Message}" };
        }
    }

    // The same question again would meet the same filter.
    private static CaptionAnswer Answered(ChatResponse response, RequestUsage usage, string? endpoint) => response.FinishReason == ChatFinishReason.ContentFilter
        ? Taken(usage) with
        {
            FinishReason = "content_filter",
            Endpoint = endpoint,
            Reason = Reasons.CaptionRefusal,
            Message = response.Text.Length == 0 ? "The endpoint's content filter stopped the answer." : $"The model or its content filter declined: {EndpointMessage.Plain(response.Text, key: null)}",
        }
        : Taken(usage) with { Text = response.Text, FinishReason = response.FinishReason?.Value, Endpoint = endpoint };

    private static CaptionAnswer Taken(RequestUsage usage) => new()
    {
        InputTokens = usage.InputTokens,
        OutputTokens = usage.OutputTokens,
        Cost = usage.Cost,
        Attempts = usage.Attempts,
        LatencyMs = usage.Milliseconds,
        TokensEstimated = usage.Estimated,
    };
}

/// <summary>What one ask has taken so far, over all its requests. One task owns it.</summary>
internal sealed class RequestUsage(TimeProvider time)
{
    private long? _begin;

    public int Attempts { get; private set; }

    public int InputTokens { get; private set; }

    public int OutputTokens { get; private set; }

    public decimal Cost { get; private set; }

    /// <summary>Whether a number of tokens is ours because the endpoint gave none.</summary>
    public bool Estimated { get; private set; }

    public double Milliseconds => _begin is { } begin ? time.GetElapsedTime(begin).TotalMilliseconds : 0;

    public void Begin()
    {
        _begin ??= time.GetTimestamp();
        Attempts++;
    }

    /// <summary>Adds an answer; returns its tokens.</summary>
    public int Add(ChatRequest request, ChatResponse answer, TokenPrice price)
    {
        Estimated |= answer.Usage is null;
        var input = Math.Min((int?)answer.Usage?.InputTokenCount ?? request.InputEstimate, 100_000_000);
        var output = Math.Min((int?)answer.Usage?.OutputTokenCount ?? ChatRequest.OutputEstimate(answer.Text), 100_000_000);
        InputTokens += input;
        OutputTokens += output;
        Cost += price.Cost(input, output);
        return input + output;
    }
}
