using System.Globalization;

namespace Sana.Inference.Captioning;

/// <summary>How the next token of a caption is chosen.</summary>
public sealed record GenerationOptions
{
    /// <value>Longest caption in tokens, 1 to the network's positions (1,024 for published ones). Default: what the checkpoint says.</value>
    public int? MaxTokens { get; init; }

    /// <value>What logits are divided by before one is drawn, 0…10; 0 takes the likeliest token always. Default 0.</value>
    public double Temperature { get; init; }

    /// <value>Only the likeliest tokens that together have this probability are drawn from, above 0 to 1. Default 1: all of them. Of no effect at temperature 0.</value>
    public double TopP { get; init; } = 1;

    /// <value>Logits of tokens that the caption has already are divided by this where positive and multiplied where negative, 0.1…10. Default 1.</value>
    public double RepetitionPenalty { get; init; } = 1;

    /// <value>Of the draws; with the image's pixels it decides them. Of no effect at temperature 0. Default 0.</value>
    public ulong Seed { get; init; }

    /// <summary>Fills in defaults and checks every value once; nothing after this checks again.</summary>
    internal GenerationOptions Resolve(CaptionerFacts facts)
    {
        var resolved = this with { MaxTokens = MaxTokens ?? facts.MaxTokens };
        return resolved switch
        {
            { MaxTokens: var most } when most < 1 || most > facts.Positions => throw new InferenceException($"Max tokens {most} is not in 1…{facts.Positions}; use {facts.MaxTokens}."),
            { Temperature: not (>= 0 and <= 10) } => throw Outside("Temperature", Temperature, "0…10; use 0 for the likeliest token"),
            { TopP: not (> 0 and <= 1) } => throw Outside("Top p", TopP, "0…1 without 0; use 1 for all tokens"),
            { RepetitionPenalty: not (>= 0.1 and <= 10) } => throw Outside("Repetition penalty", RepetitionPenalty, "0.1…10; use 1 for none"),
            _ => resolved,
        };
    }

    private static InferenceException Outside(string name, double value, string range) =>
        new(string.Create(CultureInfo.InvariantCulture, $"{name} {value} is not a number in {range}."));
}

/// <summary>What a captioner says of an image.</summary>
public sealed record GeneratedCaption
{
    /// <value>The caption without white space at its ends; empty when the network ended it at once.</value>
    public required string Text { get; init; }

    /// <value>The tokens that were chosen, the ending one left out.</value>
    public required IReadOnlyList<int> Ids { get; init; }

    /// <value>Tokens that were computed, the ending one included.</value>
    public required int Tokens { get; init; }

    /// <value><c>stop</c>: the network ended it; <c>length</c>: it has as many tokens as were asked for. Null when there is a failure.</value>
    public string? FinishReason { get; init; }

    /// <value>Why there is no caption: one sentence; null when there is one.</value>
    public string? Failure { get; init; }
}
