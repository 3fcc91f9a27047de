using Microsoft.Extensions.AI;
using Sana.Curation.Captioning.Config;

namespace Sana.Curation.Captioning.Chat;

/// <summary>What one ask has taken so far, over all its requests. One task owns it.</summary>
internal sealed class AskTally(TimeProvider time)
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
    public int Add(ChatQuestion question, ChatResponse answer, TokenPrice price)
    {
        Estimated |= answer.Usage is null;
        var input = Math.Min((int?)answer.Usage?.InputTokenCount ?? question.InputEstimate, 100_000_000);
        var output = Math.Min((int?)answer.Usage?.OutputTokenCount ?? ChatQuestion.OutputEstimate(answer.Text), 100_000_000);
        InputTokens += input;
        OutputTokens += output;
        Cost += price.Of(input, output);
        return input + output;
    }
}
