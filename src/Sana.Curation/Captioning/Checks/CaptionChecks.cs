using Sana.Curation.Captioning.Config;
using Sana.Storage;

namespace Sana.Curation.Captioning.Checks;

/// <summary>
/// Tells a usable caption from the other answers of language models. The same answer, rules and prompt give the same result. Text in quotation marks inside a
/// caption is lettering of the image and is never counted as a fault.
/// </summary>
public static class CaptionChecks
{
    /// <summary>Letters of an answer that are looked at; what is longer is cut here first.</summary>
    private const int Longest = 20_000;

    /// <summary>Words that a text cut by us must keep, whatever the rules say: fewer are no caption.</summary>
    private const int FewestKept = 8;

    /// <summary>What is said of an answer whose thoughts left no room for a caption.</summary>
    internal const string UsedUp = "The model's thoughts used up max_tokens before a caption came; raise decoding.max_tokens, or turn thinking off in decoding.extra.";

    /// <summary>Checks one answer.</summary>
    /// <param name="raw">The text as it came.</param>
    /// <param name="finishReason">stop, length, content_filter or null.</param>
    /// <param name="rules">What is usable.</param>
    /// <param name="prompt">What was asked, for echoes: the text between the prompt's variables, and the system message.</param>
    public static CheckedCaption Check(string? raw, string? finishReason, CaptionRules rules, IEnumerable<string> prompt)
    {
        ArgumentNullException.ThrowIfNull(rules);
        ArgumentNullException.ThrowIfNull(prompt);
        var found = new Findings(raw ?? "");
        var text = CaptionText.Tidy(raw is { Length: > Longest } ? raw[..Longest] : raw ?? "");
        var keep = Math.Max(FewestKept, rules.MinWords);

        if (finishReason == "content_filter")
            return found.Refuse(Reasons.CaptionRefusal, "The endpoint's content filter stopped the answer.");
        if (text.Length == 0 && finishReason == "length")
            return found.Refuse(Reasons.CaptionReasoning, UsedUp);
        if (text.Length == 0)
            return found.Refuse(Reasons.CaptionEmpty, "The answer has no letters.");
        if (!Apply(Mojibake.Repair(text), Reasons.CaptionEncoding, "The text has letters that were lost in a wrong encoding.", found, ref text))
            return found.Refused!;
        if (!Apply(CaptionReasoning.Strip(text), Reasons.CaptionReasoning, finishReason == "length" ? UsedUp : "The answer is the model's thoughts without a caption after them.", found, ref text))
            return found.Refused!;
        if (finishReason == "length" && CaptionMarkup.IsCutValue(text))
            return found.Refuse(Reasons.CaptionTruncated, "The answer ends in the middle of its JSON; a greater max_tokens gives it room.");
        var inside = CaptionMarkup.Strip(text);
        if (inside is null)
            return found.Refuse(Reasons.CaptionMarkup, "Parts of a chat template, of markup or of JSON cannot be told from the caption.");
        if (inside.Length == 0)
            return found.Refuse(Reasons.CaptionEmpty, "The answer has no caption, only what surrounds one.");
        if (!Apply(inside, Reasons.CaptionLeak, "", found, ref text))
            return found.Refused!;
        if (!Apply(PromptEcho.Strip(text, prompt), Reasons.CaptionLeak, "The text repeats the prompt.", found, ref text))
            return found.Refused!;
        if (CaptionRefusal.Is(text, rules.RefusalPatterns))
            return found.Refuse(Reasons.CaptionRefusal, "The model declined to describe the image.");

        var flat = CaptionText.Flat(text);
        if (CaptionRepetition.FirstRepeat(flat) is { } repeat)
        {
            if (CaptionText.Before(flat, repeat, keep) is not { } kept)
                return found.Refuse(Reasons.CaptionRepetition, $"The text repeats itself after {Counted.Of(CaptionText.Words(flat[..repeat]), "word")}; {keep} are needed.");
            found.Flags.Add(Reasons.CaptionRepetition);
            flat = kept;
        }
        else if (CaptionCut.Is(flat, finishReason))
        {
            return found.Refuse(Reasons.CaptionTruncated, "The text ends in the middle of a sentence.") with
            {
                Salvage = CaptionCut.Salvage(Opened(flat, rules), keep),
                Lang = CaptionLanguage.Detect(flat),
            };
        }

        return Measured(found, Opened(flat, rules), rules);
    }

    private static string Opened(string flat, CaptionRules rules) => rules.StripOpener ? CaptionOpener.Strip(flat) : flat;

    private static CheckedCaption Measured(Findings found, string text, CaptionRules rules)
    {
        var words = CaptionText.Words(text);
        if (rules.Language != "any" && CaptionLanguage.Other(text, rules.Language) is { } other)
            return found.Refuse(Reasons.CaptionLang, $"The text is in {other}; {rules.Language} is asked for.") with { Lang = other };
        if (words < rules.MinWords || words > rules.MaxWords)
            return found.Refuse(Reasons.CaptionLength, $"The text has {Counted.Of(words, "word")}; {rules.MinWords} to {rules.MaxWords} are usable.");
        return new CheckedCaption { Raw = found.Raw, Text = text, Flags = found.Flags, Lang = CaptionLanguage.Detect(text), Words = words };
    }

    private static bool Apply(string? mended, string code, string message, Findings found, ref string text)
    {
        if (mended is null || mended.Length == 0)
        {
            found.Refused = found.Refuse(code, message);
            return false;
        }

        if (mended != text && !found.Flags.Contains(code))
            found.Flags.Add(code);
        text = mended;
        return true;
    }

    private sealed class Findings(string raw)
    {
        public string Raw => raw;

        public List<string> Flags { get; } = [];

        public CheckedCaption? Refused { get; set; }

        public CheckedCaption Refuse(string code, string message) => new() { Raw = raw, Flags = Flags, Reason = code, Message = message };
    }
}

/// <summary>What the checks made of an answer: a usable text with flags, or a reason.</summary>
public sealed record CheckedCaption
{
    /// <value>As it came.</value>
    public required string Raw { get; init; }

    /// <value>What may be used; null when there is a reason.</value>
    public string? Text { get; init; }

    /// <value>Codes of what was found and mended, in the order of the checks.</value>
    public IReadOnlyList<string> Flags { get; init; } = [];

    /// <value>
    /// caption_empty, caption_refusal, caption_truncated, caption_repetition, caption_leak, caption_markup, caption_reasoning, caption_lang, caption_length
    /// or caption_encoding; null for a usable text.
    /// </value>
    public string? Reason { get; init; }

    /// <value>One sentence to <see cref="Reason"/>.</value>
    public string? Message { get; init; }

    /// <value>The full sentences of a cut text, if they are enough: what to use when asking again does not help.</value>
    public string? Salvage { get; init; }

    /// <value>ISO 639-1 code; null when the text does not tell.</value>
    public string? Lang { get; init; }

    /// <value>Words of <see cref="Text"/>.</value>
    public int Words { get; init; }
}
