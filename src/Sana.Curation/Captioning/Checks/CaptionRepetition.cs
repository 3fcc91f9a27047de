using System.IO.Compression;
using System.Text;
using System.Text.RegularExpressions;

namespace Sana.Curation.Captioning.Checks;

/// <summary>
/// Finds texts that repeat themselves. Four signs, each with room for what people write: a run of the same words, the same sentence again, mostly the same
/// four-word sequences, and bytes that shrink to less than a quarter. Lettering in quotation marks may repeat itself.
/// </summary>
internal static partial class CaptionRepetition
{
    private const int LongestPeriod = 60;
    private const int Gram = 4;
    private const int FewestWordsForGrams = 40;
    private const double MostRepeatedGrams = 0.5;
    private const int FewestBytesForDeflate = 400;
    private const double LeastDeflated = 0.25;

    /// <summary>Where the first repeat begins; null when there is none.</summary>
    public static int? FirstRepeat(string text)
    {
        var words = CaptionText.Split(text);
        var quotations = CaptionText.Quotations(text);
        int?[] places = [Letters(text), Run(words, quotations), Sentence(text, quotations), Grams(words), Deflated(text, words)];
        return places.Where(place => place is not null).Min();
    }

    private static int? Letters(string text) =>
        SameLetters().Match(text) is { Success: true } run ? run.Index + run.Groups[1].Length + run.Groups[2].Length : null;

    // Words that follow themselves: how often it takes to be a loop falls with their number.
    private static int? Run(List<Word> words, List<(int Start, int End)> quotations)
    {
        int? first = null;
        for (var period = 1; period <= Math.Min(LongestPeriod, words.Count / 2); period++)
        {
            var times = period switch { 1 => words.Count > 0 && words[0].Letters.Length == 1 ? 8 : 5, <= 3 => 4, _ => 3 };
            for (int i = period, run = 0; i < words.Count; i++)
            {
                run = words[i].Letters == words[i - period].Letters ? run + 1 : 0;
                if (run < period * (times - 1))
                    continue;
                var second = i - run + 1;
                if (!Quoted(quotations, words[second - period].Start, words[i].End) && (first is null || words[second].Start < first))
                    first = words[second].Start;
                break;
            }
        }

        return first;
    }

    // The same sentence twice in a row, or three times.
    private static int? Sentence(string text, List<(int Start, int End)> quotations)
    {
        const int fewestWords = 5;
        var seen = new Dictionary<string, (int Times, int Second)>();
        var (start, previous) = (0, "");
        foreach (var end in CaptionText.SentenceEnds(text).Append(text.Length))
        {
            var words = CaptionText.Split(text[start..end]);
            var sentence = string.Join(' ', words.Select(word => word.Letters));
            if (words.Count >= fewestWords && !Quoted(quotations, start, end))
            {
                var (times, second) = seen.GetValueOrDefault(sentence);
                second = times == 1 ? start : second;
                if (sentence == previous || times == 2)
                    return second;
                seen[sentence] = (times + 1, second);
            }

            (start, previous) = (end, sentence);
        }

        return null;
    }

    private static int? Grams(List<Word> words) =>
        words.Count >= FewestWordsForGrams && FirstGram(words, out var share) is { } place && share > MostRepeatedGrams ? place : null;

    private static int? Deflated(string text, List<Word> words)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        if (bytes.Length < FewestBytesForDeflate)
            return null;
        using var packed = new MemoryStream();
        using (var deflate = new DeflateStream(packed, CompressionLevel.Optimal, leaveOpen: true))
            deflate.Write(bytes);
        return packed.Length < LeastDeflated * bytes.Length ? FirstGram(words, out _) ?? text.Length / 4 : null;
    }

    private static int? FirstGram(List<Word> words, out double share)
    {
        var seen = new HashSet<string>();
        var (repeated, total) = (0, words.Count - Gram + 1);
        int? first = null;
        for (var i = 0; i < total; i++)
        {
            if (seen.Add(string.Join(' ', words.Skip(i).Take(Gram).Select(word => word.Letters))))
                continue;
            repeated++;
            first ??= words[i].Start;
        }

        share = total > 0 ? (double)repeated / total : 0;
        return first;
    }

    private static bool Quoted(List<(int Start, int End)> quotations, int start, int end) =>
        quotations.Exists(quotation => quotation.Start <= start && end <= quotation.End + 1);

    [GeneratedRegex(@"(\S)\1{19}|(\S{2,8}?)\2{7}")]
    private static partial Regex SameLetters();
}

/// <summary>Finds texts that were cut before their end.</summary>
internal static class CaptionCut
{
    private const int LongText = 20;
    private const string Ends = ".!?…。！？»”’\"')]」』~";

    /// <summary>
    /// Whether a text is cut: the endpoint says so, or a long text of full sentences ends in half a one. Lists and short captions go without a stop.
    /// </summary>
    public static bool Is(string text, string? finishReason)
    {
        if (finishReason == "length")
            return true;
        if (text.Length == 0 || Ends.Contains(text[^1], StringComparison.Ordinal) || CaptionText.Words(text) < LongText)
            return false;
        var ends = CaptionText.SentenceEnds(text).ToList();
        return ends.Count > 0 && char.IsLetterOrDigit(text[^1]) | text[^1] is ',' or ';' or ':' or '-' or '–' or '—';
    }

    /// <summary>Its full sentences; null when they have too few words.</summary>
    public static string? Salvage(string text, int words) => CaptionText.FullSentences(text, words);
}
