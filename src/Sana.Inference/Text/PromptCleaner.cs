using System.Globalization;
using System.Text;

namespace Sana.Inference.Text;

/// <summary>Prepares a prompt for the tokenizer: Python's <c>str.lower().strip()</c>.</summary>
internal static class PromptCleaner
{
    /// <summary>Lower-cases by Unicode's full rules (İ gives i and a dot above, a final Σ gives ς) and strips Python's white space, which includes U+001C…U+001F. Cleaning twice changes nothing.</summary>
    /// <param name="prompt">Any text of at most 1,000,000 characters; a lone surrogate becomes U+FFFD.</param>
    /// <exception cref="InferenceException">The text is too long.</exception>
    public static string Clean(string prompt)
    {
        var lower = Lower(prompt);
        var (start, end) = (0, lower.Length);
        while (start < end && IsSpace(lower[start])) start++;
        while (end > start && IsSpace(lower[end - 1])) end--;
        return lower[start..end];
    }

    /// <summary>The lower case alone; white space stays.</summary>
    /// <exception cref="InferenceException">The text is too long.</exception>
    public static string Lower(string prompt)
    {
        prompt = UnicodeText.Checked(prompt);
        var lower = new StringBuilder(prompt.Length);
        var index = 0;
        foreach (var rune in prompt.EnumerateRunes())
        {
            if (rune.Value == 'Σ') lower.Append(IsFinal(prompt, index) ? 'ς' : 'σ');
            else AppendLower(lower, rune);
            index += rune.Utf16SequenceLength;
        }

        return lower.ToString();
    }

    /// <summary>The lower case of one character on its own: İ is the only one that becomes two.</summary>
    internal static void AppendLower(StringBuilder lower, Rune rune)
    {
        if (rune.Value == 'İ') lower.Append("i\u0307");
        else lower.Append(Rune.ToLowerInvariant(rune));
    }

    private static bool IsSpace(char letter) => char.IsWhiteSpace(letter) || letter is >= '\u001C' and <= '\u001F';

    /// <summary>Unicode's Final_Sigma: a cased letter before it and none after it, case-ignorable characters skipped.</summary>
    private static bool IsFinal(string text, int sigma)
    {
        var before = text.AsSpan(0, sigma);
        Rune rune;
        while (Rune.DecodeLastFromUtf16(before, out rune, out var length) == System.Buffers.OperationStatus.Done && IsCaseIgnorable(rune)) before = before[..^length];
        if (before.IsEmpty || !IsCased(rune)) return false;

        var after = text.AsSpan(sigma + 1);
        while (Rune.DecodeFromUtf16(after, out rune, out var length) == System.Buffers.OperationStatus.Done && IsCaseIgnorable(rune)) after = after[length..];
        return after.IsEmpty || !IsCased(rune);
    }

    /// <summary>Unicode's Case_Ignorable: marks, format characters, modifiers, and the punctuation that stands inside words.</summary>
    internal static bool IsCaseIgnorable(Rune rune) => Rune.GetUnicodeCategory(rune) is
        UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark or UnicodeCategory.Format or UnicodeCategory.ModifierLetter or UnicodeCategory.ModifierSymbol ||
        rune.Value is 0x27 or 0x2E or 0x3A or 0xB7 or 0x387 or 0x55F or 0x5F4 or 0x2018 or 0x2019 or 0x2024 or 0x2027 or
            0xFE13 or 0xFE52 or 0xFE55 or 0xFF07 or 0xFF0E or 0xFF1A;

    /// <summary>Unicode's Cased, of what is not case-ignorable: letters with case, ordinals, Roman numerals, letters in circles and squares.</summary>
    internal static bool IsCased(Rune rune) => Rune.GetUnicodeCategory(rune) is
        UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter ||
        rune.Value is 0xAA or 0xBA or (>= 0x2160 and <= 0x217F) or (>= 0x24B6 and <= 0x24E9) or
            (>= 0x1F130 and <= 0x1F149) or (>= 0x1F150 and <= 0x1F169) or (>= 0x1F170 and <= 0x1F189);
}

/// <summary>Makes text from outside valid Unicode of limited length. All code of this folder relies on it.</summary>
internal static class UnicodeText
{
    /// <summary>Ten times the longest prompt that is accepted. Merging a text of this length takes well under a second.</summary>
    public const int MaxLength = 1_000_000;

    /// <summary>The text with each lone surrogate replaced by U+FFFD; the same string when there is none.</summary>
    /// <exception cref="InferenceException">The text is longer than <see cref="MaxLength"/>.</exception>
    public static string Checked(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.Length > MaxLength) throw new InferenceException($"The text has {text.Length:N0} characters, the limit is {MaxLength:N0}; shorten it.");
        if (!text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF')) return text;

        var valid = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes()) valid.Append(rune);
        return valid.ToString();
    }
}
