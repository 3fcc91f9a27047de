using Sana.Curation.Captioning.Checks;
using Sana.Curation.Captioning.Config;

namespace Sana.Curation.Captioning;

/// <summary>Asks a captioner and checks its answer. An unusable answer is asked for once more with other decoding; the result is a candidate.</summary>
public sealed class CheckedCaptioner
{
    /// <summary>Flag of a candidate whose second answer was taken; the code of what was wrong with the first stands beside it.</summary>
    public const string Repaired = "caption_repaired";

    /// <summary>Flag of a candidate whose tokens were estimated because the endpoint counted none.</summary>
    public const string TokensEstimated = "tokens_estimated";

    private readonly ICaptioner _captioner;
    private readonly CaptionerConfig _one;
    private readonly string[] _prompt;

    /// <summary>Creates it.</summary>
    /// <param name="captioner">Who is asked.</param>
    /// <param name="one">Its rules and prompt.</param>
    public CheckedCaptioner(ICaptioner captioner, CaptionerConfig one)
    {
        ArgumentNullException.ThrowIfNull(captioner);
        ArgumentNullException.ThrowIfNull(one);
        (_captioner, _one) = (captioner, one);
        _prompt = one.System is null ? [.. one.Prompt.Literals] : [.. one.Prompt.Literals, one.System];
    }

    /// <value>Who is asked.</value>
    public CaptionerCard Card => _captioner.Card;

    /// <summary>One image's candidate of this captioner. What goes wrong is its reason.</summary>
    /// <param name="ask">The image; <see cref="CaptionAsk.Repair"/> is set here.</param>
    /// <param name="cancellationToken">Stops the run.</param>
    public async Task<Candidate> Caption(CaptionAsk ask, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(ask);
        var first = await _captioner.Ask(ask with { Repair = null }, cancellationToken);
        if (first.Reason is not null)
            return Empty(first);
        var found = Check(first, repair: null);
        if (found.Reason is not { } code)
            return Made(first, found, found.Text, found.Flags);

        var second = await _captioner.Ask(ask with { Repair = code }, cancellationToken);
        var both = Sum(first, second);
        var again = second.Reason is null ? Check(second, code) : null;
        if (again is { Reason: null })
            return Made(both with { FinishReason = second.FinishReason }, again, again.Text, [code, .. again.Flags.Where(flag => flag != code), Repaired]);
        // The second answer is no better: take the full sentences. The later answer has more of them, since it may be longer.
        if ((again?.Salvage is not null ? again : found.Salvage is not null ? found : null) is { } cut)
            return Made(both, cut, cut.Salvage, [.. cut.Flags, Reasons.CaptionTruncated]);
        return Made(both, found, text: null, found.Flags) with { Reason = code, Message = found.Message };
    }

    private CheckedCaption Check(CaptionAnswer answer, string? repair) =>
        CaptionChecks.Check(answer.Text, answer.FinishReason, _one.Rules, [.. _prompt, RepairDecoding.For(_one, repair).Suffix]);

    private Candidate Made(CaptionAnswer answer, CheckedCaption found, string? text, IEnumerable<string> flags) => Empty(answer) with
    {
        Text = text,
        TextRaw = found.Raw,
        Lang = found.Lang,
        Words = text is null ? 0 : CaptionText.Words(text),
        Flags = [.. flags, .. answer.TokensEstimated ? [TokensEstimated] : Array.Empty<string>()],
    };

    private Candidate Empty(CaptionAnswer answer) => new()
    {
        Label = Card.Label,
        Model = Card.Model,
        ModelRevision = Card.Revision,
        Licence = Card.Licence,
        PromptId = Card.PromptId,
        FinishReason = answer.FinishReason,
        InputTokens = answer.InputTokens,
        OutputTokens = answer.OutputTokens,
        Cost = answer.Cost,
        Attempts = answer.Attempts,
        Reason = answer.Reason,
        Message = answer.Message,
    };

    private static CaptionAnswer Sum(CaptionAnswer first, CaptionAnswer second) => first with
    {
        InputTokens = first.InputTokens + second.InputTokens,
        OutputTokens = first.OutputTokens + second.OutputTokens,
        Cost = first.Cost + second.Cost,
        Attempts = first.Attempts + second.Attempts,
        TokensEstimated = first.TokensEstimated || second.TokensEstimated,
    };
}

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
            Reasons.CaptionReasoning => new(other with { MaxTokens = Math.Min(MostTokens, 2 * plain.MaxTokens) }, "\nAnswer with the description alone, as plain text."),
            Reasons.CaptionLeak or Reasons.CaptionMarkup => new(other, "\nAnswer with the description alone, as plain text."),
            Reasons.CaptionLength => new(other, $"\nUse {one.Rules.MinWords} to {one.Rules.MaxWords} words."),
            _ => new(other, "\nAnswer with at least one full sentence."),
        };
    }
}
