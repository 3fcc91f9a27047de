using System.Globalization;
using Sana.Inference.Imaging;
using Sana.Inference.Runtime;

namespace Sana.Inference.Captioning;

/// <summary>How the next token of a caption is chosen.</summary>
public sealed record GenerationOptions
{
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

    /// <summary>Fills in defaults and checks every value. Nothing checks them again.</summary>
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

/// <summary>What the graph builder read from a captioner's configs and wrote into each of its graphs.</summary>
/// <param name="Name">Of the checkpoint's folder, or <c>owner/name</c>.</param>
/// <param name="Fingerprint">SHA-256 over configs, vocabulary and the headers, lengths and a sample of the weights, lower-case hex.</param>
/// <param name="VocabularySize">Rows of the token table: ids are below this.</param>
/// <param name="Positions">Most tokens that the decoder takes.</param>
/// <param name="StartId">Token before the first one of every caption; not part of the text.</param>
/// <param name="EndIds">Tokens that end a caption.</param>
/// <param name="MaxTokens">Longest caption in tokens, unless the options say another.</param>
/// <param name="Side">Of the square that the encoder reads, in pixels.</param>
/// <param name="Filter">That images are resized with.</param>
/// <param name="Levels">From 8-bit pixels to the encoder's input.</param>
internal sealed record CaptionerFacts(
    string Name, string Fingerprint, int VocabularySize, int Positions, int StartId, int[] EndIds, int MaxTokens, int Side, PilFilter Filter, PixelLevels Levels)
{
    /// <exception cref="InferenceException">A key is missing or not what it should be: the graph is of another version.</exception>
    public static CaptionerFacts From(GraphMetadata metadata) => new(
        metadata.Text("checkpoint"),
        metadata.Text("fingerprint"),
        metadata.Whole("vocab_size", 1, 2_000_000),
        metadata.Whole("n_positions", 1, 1_000_000),
        metadata.Whole("decoder_start_token_id", 0, 2_000_000),
        [.. metadata.Numbers("eos_token_id").Select(id => (int)id)],
        metadata.Whole("max_new_tokens", 1, 1_000_000),
        metadata.Whole("image_size", 1, 65_536),
        metadata.Text("resample") switch
        {
            "bilinear" => PilFilter.Bilinear,
            "bicubic" => PilFilter.Bicubic,
            var other => throw metadata.Unusable("resample", other),
        },
        new PixelLevels(metadata.Number("rescale_factor"), metadata.Numbers("image_mean", 3), metadata.Numbers("image_std", 3)));
}
