using Sana.Curation.Captioning.Config;

namespace Sana.Curation.Captioning;

/// <summary>How an ask differs from the first one, by the code for which the first answer was refused.</summary>
/// <param name="Decoding">How the answer is drawn.</param>
/// <param name="Suffix">What is added to the prompt; empty for nothing.</param>
/// <param name="FrequencyPenalty">0…2, against repeated words; every endpoint knows it, which is not so of the repetition penalty.</param>
internal sealed record RepairDecoding(Decoding Decoding, string Suffix = "", double? FrequencyPenalty = null)
{
    private const int MostTokens = 16_384;

    public static RepairDecoding For(CaptionerConfig one, string? repair)
    {
        var plain = one.Decoding;
        // The same draw again would give the same answer.
        var other = plain with
        {
            Temperature = Math.Min(2, Math.Max(0.6, plain.Temperature + 0.3)),
            Seed = plain.Seed is { } seed ? (seed + 1) & int.MaxValue : null,
        };
        return repair switch
        {
            null => new(plain),
            Reasons.CaptionTruncated => new(plain with { MaxTokens = Math.Min(MostTokens, 2 * plain.MaxTokens) }),
            Reasons.CaptionRepetition => new(other with { RepetitionPenalty = plain.RepetitionPenalty is { } penalty ? Math.Min(2, penalty + 0.1) : null }, "", 0.5),
            Reasons.CaptionRefusal => new(other, "\nDescribe only what can be seen. Do not say who anybody is."),
            Reasons.CaptionLang when one.Rules.Language == "en" => new(other, "\nAnswer in English."),
            Reasons.CaptionLang => new(other, $"\nAnswer in the language with the ISO 639-1 code {one.Rules.Language}."),
            Reasons.CaptionLeak or Reasons.CaptionReasoning => new(other, "\nAnswer with the description alone, as plain text."),
            Reasons.CaptionLength => new(other, $"\nUse {one.Rules.MinWords} to {one.Rules.MaxWords} words."),
            _ => new(other, "\nAnswer with at least one full sentence."),
        };
    }
}
