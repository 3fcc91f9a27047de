using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Sana.Curation.Captioning.Checks;

/// <summary>A word of a text: where it stands, and its letters and digits alone in lower case.</summary>
internal readonly record struct Word(int Start, int End, string Letters);

/// <summary>Texts as words, sentences and quotations.</summary>
internal static partial class CaptionText
{
    private const int LongestQuotation = 600;
    private static readonly HashSet<string> _abbreviations = new(StringComparer.OrdinalIgnoreCase)
    {
        "mr", "mrs", "ms", "dr", "st", "no", "vs", "approx", "e.g", "i.e", "etc", "jr", "sr", "prof", "fig", "ft",
    };

    /// <summary>Unicode form C without controls, marks of direction and space around; lines are kept.</summary>
    public static string Tidy(string text)
    {
        var tidy = new StringBuilder(text.Length);
        foreach (var rune in text.ReplaceLineEndings("\n").EnumerateRunes())
        {
            var category = Rune.GetUnicodeCategory(rune);
            if (rune.Value is '\n' or '\t' || rune.Value is 0x200C or 0x200D || category is not (UnicodeCategory.Control or UnicodeCategory.Format))
                tidy.Append(rune.ToString());
        }

        return tidy.ToString().Normalize(NormalizationForm.FormC).Trim();
    }

    /// <summary>One line: Sana's folder mode reads a caption's first line alone.</summary>
    public static string Flat(string text) => Spaces().Replace(text, " ").Trim();

    public static int Words(string text) => Split(text).Count;

    /// <summary>Words in order. Each letter of a script that is written without spaces is one.</summary>
    public static List<Word> Split(string text)
    {
        var words = new List<Word>();
        for (var i = 0; i < text.Length;)
        {
            if (IsIdeograph(text[i]))
            {
                words.Add(new Word(i, i + 1, text[i++].ToString()));
                continue;
            }

            var start = i;
            while (i < text.Length && !char.IsWhiteSpace(text[i]) && !IsIdeograph(text[i]))
                i++;
            var letters = string.Concat(text[start..i].Where(char.IsLetterOrDigit)).ToLowerInvariant();
            if (letters.Length > 0)
                words.Add(new Word(start, i, letters));
            while (i < text.Length && char.IsWhiteSpace(text[i]))
                i++;
        }

        return words;
    }

    /// <summary>Ends of sentences, each after its closing quotation marks.</summary>
    public static IEnumerable<int> SentenceEnds(string text)
    {
        foreach (Match end in SentenceEnd().Matches(text))
        {
            if (end.Value[0] != '.' || !IsAbbreviation(text, end.Index))
                yield return end.Index + end.Length;
        }
    }

    /// <summary>
    /// What stands before a place, to its last full sentence if that has enough words, else to the last word that does not wait for another; null when neither
    /// has enough.
    /// </summary>
    public static string? Before(string text, int place, int words)
    {
        var head = text[..place];
        if (FullSentences(head, words) is { } sentences)
            return sentences;
        var trimmed = Dangling().Replace(head, "");
        return Words(trimmed) >= words ? trimmed : null;
    }

    /// <summary>The full sentences at the beginning of a text; null when they have too few words.</summary>
    public static string? FullSentences(string text, int words)
    {
        var end = SentenceEnds(text).LastOrDefault();
        return end > 0 && Words(text[..end]) >= words ? text[..end] : null;
    }

    /// <summary>The text with every quotation blanked out, so that places stay where they are.</summary>
    public static string WithoutQuotations(string text)
    {
        char[]? blanked = null;
        foreach (var (start, end) in Quotations(text))
            (blanked ??= text.ToCharArray()).AsSpan(start, end - start).Fill(' ');
        return blanked is null ? text : new string(blanked);
    }

    /// <summary>Where quotations stand, marks included. A mark without a partner quotes nothing.</summary>
    public static List<(int Start, int End)> Quotations(string text) =>
        [.. Quotation().Matches(text).Where(mark => mark.Length <= LongestQuotation).Select(mark => (mark.Index, mark.Index + mark.Length))];

    private static bool IsIdeograph(char letter) => letter is (>= '\u3040' and <= '\u30ff') or (>= '\u3400' and <= '\u9fff') or (>= '\uf900' and <= '\ufaff');

    private static bool IsAbbreviation(string text, int dot)
    {
        var start = dot;
        while (start > 0 && (char.IsLetter(text[start - 1]) || text[start - 1] == '.'))
            start--;
        var word = text[start..dot];
        return (word.Length == 1 && char.IsUpper(word[0]) && dot + 1 < text.Length) || _abbreviations.Contains(word);
    }

    [GeneratedRegex(@"\s+")]
    private static partial Regex Spaces();

    [GeneratedRegex("""[.!?…]+["'”’»)\]*]*(?=\s|\z)|[。！？]["'”’»」』)\]]*""")]
    private static partial Regex SentenceEnd();

    [GeneratedRegex(@"(?:[\s,;:–—-]+(?:and|or|with|the|a|an|of|in|on|to|is|are)?)+\z", RegexOptions.IgnoreCase)]
    private static partial Regex Dangling();

    // A straight single mark is an apostrophe unless a space or the text's edge is before it.
    [GeneratedRegex("""
        "[^"\n]*"|“[^”]*”|«[^»]*»|„[^“”]*[“”]|「[^」]*」|『[^』]*』|(?<=^|[\s(])'[^'\n]+'(?=[\s.,;:!?)]|$)|(?<=^|[\s(])‘[^’\n]+’(?=[\s.,;:!?)]|$)
        """)]
    private static partial Regex Quotation();
}

/// <summary>UTF-8 that somebody read as Windows-1252 (<c>cafÃ©</c>), and letters that are lost.</summary>
internal static partial class Mojibake
{
    private static readonly Encoding _windows =
        CodePagesEncodingProvider.Instance.GetEncoding(1252, EncoderFallback.ExceptionFallback, DecoderFallback.ExceptionFallback)!;
    private static readonly UTF8Encoding _strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>The text, mended where that can be undone; null when letters are lost.</summary>
    public static string? Repair(string text)
    {
        if (text.Contains('\ufffd', StringComparison.Ordinal))
            return null;
        if (!Signs().IsMatch(text))
            return text;
        // Word by word: a text is seldom broken as a whole, and one good letter outside of the code page would spoil the rest.
        return Chunk().Replace(text, chunk => Undo(chunk.Value));
    }

    private static string Undo(string chunk)
    {
        if (!Signs().IsMatch(chunk))
            return chunk;
        try
        {
            return _strict.GetString(_windows.GetBytes(chunk)).Normalize(NormalizationForm.FormC);
        }
        catch (ArgumentException)
        {
            return chunk; // it is no damage
        }
    }

    [GeneratedRegex("[ÂÃ][\u0080-\u00bf]|â€|ðŸ|Ã\u00a0|[ÐÑ][\u0080-\u00bf\u0160\u0161\u2018-\u201d]")]
    private static partial Regex Signs();

    [GeneratedRegex("[^ \n\t]+")]
    private static partial Regex Chunk();
}
