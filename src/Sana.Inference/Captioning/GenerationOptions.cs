using System.Globalization;

namespace Sana.Inference.Captioning;

/// <summary>How the next token of a caption is chosen.</summary>
public sealed record GenerationOptions
{
    /// <summary>What <see cref="Task"/> may be, from the shortest captions to the longest.</summary>
    public static IReadOnlyList<string> Tasks { get; } = [.. FlorenceTasks.Questions.Keys];

    /// <value>Longest caption in tokens, 1 to the network's positions (1,024 for published ones). Default: what the checkpoint says.</value>
    public int? MaxTokens { get; init; }

    /// <value>Logits are divided by this before a token is drawn, 0…10; 0 always takes the likeliest token. Default 0.</value>
    public double Temperature { get; init; }

    /// <value>Tokens are drawn from the likeliest ones that together have this probability, above 0 to 1. Default 1: all tokens. No effect at temperature 0.</value>
    public double TopP { get; init; } = 1;

    /// <value>Logits of tokens that the caption has already are divided by this where positive and multiplied where negative, 0.1…10. Default 1.</value>
    public double RepetitionPenalty { get; init; } = 1;

    /// <value>Together with the image's pixels it decides which tokens are drawn. No effect at temperature 0. Default 0.</value>
    public ulong Seed { get; init; }

    /// <value>
    /// What Florence-2 is asked for: <c>caption</c>, <c>detailed_caption</c> or <c>more_detailed_caption</c>. Default <c>detailed_caption</c>; other families take none.
    /// </value>
    public string? Task { get; init; }

    /// <value>
    /// Captions that are kept beside one another while the likeliest one is searched for, 1…8; 1 takes the likeliest token each time. More than 1 needs temperature 0 and no repetition penalty.
    /// Default: what the checkpoint says, or 1 where a temperature or a repetition penalty is set.
    /// </value>
    public int? Beams { get; init; }

    /// <value>So many tokens in a row are in a caption only once, 0…64; 0 for no such rule. Default: what the checkpoint says.</value>
    public int? NoRepeatNgramSize { get; init; }

    /// <summary>Fills in defaults and checks every value. Nothing checks them again.</summary>
    internal GenerationOptions Resolve(CaptionerFacts facts)
    {
        var isPlain = Temperature == 0 && RepetitionPenalty == 1;
        var resolved = this with
        {
            MaxTokens = MaxTokens ?? facts.MaxTokens,
            Task = Task ?? (facts.AsksQuestions ? FlorenceTasks.Default : null),
            Beams = Beams ?? (isPlain ? facts.Beams : 1),
            NoRepeatNgramSize = NoRepeatNgramSize ?? facts.NoRepeatNgramSize,
        };
        var least = facts.ForcedFirstId is null ? 1 : 2; // the token that every caption begins with, and the one that ends it
        return resolved switch
        {
            { MaxTokens: var most } when most < least || most > facts.Positions => throw new InferenceException($"Max tokens {most} is not in {least}…{facts.Positions}; use {facts.MaxTokens}."),
            { Beams: < 1 or > 8 } => throw new InferenceException($"Beams {Beams} is not in 1…8; use 3, or 1 for the likeliest token each time."),
            { Beams: > 1 } when !isPlain => throw new InferenceException($"Beams {Beams} cannot be had with a temperature or a repetition penalty; use temperature 0 and repetition penalty 1, or 1 beam."),
            { NoRepeatNgramSize: < 0 or > 64 } => throw new InferenceException($"No-repeat n-gram size {NoRepeatNgramSize} is not in 0…64; use 3, or 0 for no such rule."),
            { Task: { } task } when !facts.AsksQuestions => throw new InferenceException($"{facts.Name} is not asked for anything, so it has no task '{task}'; leave the task away, or use Florence-2."),
            { Task: { } task } when !FlorenceTasks.Questions.ContainsKey(task) => throw new InferenceException($"Task '{task}' is not one of {string.Join(", ", FlorenceTasks.Questions.Keys)}."),
            { Temperature: not (>= 0 and <= 10) } => throw Outside("Temperature", Temperature, "0…10; use 0 for the likeliest token"),
            { TopP: not (> 0 and <= 1) } => throw Outside("Top p", TopP, "0…1 without 0; use 1 for all tokens"),
            { RepetitionPenalty: not (>= 0.1 and <= 10) } => throw Outside("Repetition penalty", RepetitionPenalty, "0.1…10; use 1 for none"),
            _ => resolved,
        };
    }

    private static InferenceException Outside(string name, double value, string range) =>
        new(string.Create(CultureInfo.InvariantCulture, $"{name} {value} is not a number in {range}."));
}

/// <summary>The caption of one image.</summary>
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
