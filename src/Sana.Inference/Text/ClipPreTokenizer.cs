using System.Buffers;
using System.Globalization;
using System.Text;

namespace Sana.Inference.Text;

/// <summary>
/// CLIP's normalizer and its splitting pattern <c>'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+</c>. Not a Regex, because .NET's
/// works on UTF-16 units, where a letter outside the basic plane is not a letter.
/// </summary>
internal static class ClipPreTokenizer
{
    private static readonly string[] _contractions = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"];
    private static readonly string[] _specials = ["<|startoftext|>", "<|endoftext|>"];

    private enum Kind
    {
        Space,
        Letter,
        Number,
        Other,
    }

    /// <summary>NFC, then lower case character by character (no final sigma).</summary>
    public static string Normalise(string text)
    {
        text = text.Normalize(NormalizationForm.FormC);
        var lower = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes()) PromptCleaner.AppendLower(lower, rune);
        return lower.ToString();
    }

    /// <summary>The words of a normalised text, in order.</summary>
    public static List<Range> Words(ReadOnlySpan<char> text)
    {
        var words = new List<Range>();
        for (var start = 0; start < text.Length;)
        {
            var rest = text[start..];
            var kind = KindOf(rest, out var first);
            var length = first;
            if (kind != Kind.Space)
            {
                if (SpecialAt(rest) is var special && special > 0)
                {
                    // A special token in capitals is ordinary text, but the pattern still separates it from the punctuation after it.
                    words.AddRange(start..(start + 2), (start + 2)..(start + special - 2));
                    (start, length) = (start + special - 2, 2);
                }
                else
                {
                    length = ContractionAt(rest) is var contraction && contraction > 0 ? contraction : RunLength(rest, kind, first);
                }

                words.Add(start..(start + length));
            }

            start += length;
        }

        return words;
    }

    private static int RunLength(ReadOnlySpan<char> text, Kind kind, int length)
    {
        if (kind == Kind.Number) return length; // digits stand alone
        while (length < text.Length && KindOf(text[length..], out var next) == kind) length += next;
        return length;
    }

    private static int ContractionAt(ReadOnlySpan<char> text)
    {
        if (text[0] == '\'')
            foreach (var contraction in _contractions)
                if (text.StartsWith(contraction, StringComparison.Ordinal)) return contraction.Length;
        return 0;
    }

    private static int SpecialAt(ReadOnlySpan<char> text)
    {
        if (text[0] == '<')
            foreach (var special in _specials)
                if (text.StartsWith(special, StringComparison.Ordinal)) return special.Length;
        return 0;
    }

    private static Kind KindOf(ReadOnlySpan<char> text, out int length)
    {
        var valid = Rune.DecodeFromUtf16(text, out var rune, out length) == OperationStatus.Done;
        return !valid ? Kind.Other : Rune.GetUnicodeCategory(rune) switch
        {
            UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter or
                UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter => Kind.Letter,
            UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => Kind.Number,
            _ => Rune.IsWhiteSpace(rune) ? Kind.Space : Kind.Other,
        };
    }
}
