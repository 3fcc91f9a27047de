namespace Sana.Curation.Captioning.Checks;

/// <summary>Removes the prompt from an answer that repeats it.</summary>
internal static class PromptEcho
{
    // Shorter pieces, such as "a photo of", begin captions of their own right.
    private const int FewestLetters = 16;
    private const int FewestWords = 4;
    private const int WordsAnywhere = 8;

    /// <summary>The text without the prompt before it; null when the prompt stands elsewhere in it, empty when there is nothing else.</summary>
    public static string? Strip(string text, IEnumerable<string> prompt)
    {
        var lines = prompt.SelectMany(piece => piece.Split('\n')).Select(CaptionText.Split);
        var asked = lines.Where(words => words.Count >= FewestWords && words.Sum(word => word.Letters.Length) >= FewestLetters).ToList();
        if (asked.Count == 0)
            return text;
        var rest = text;
        while (CaptionText.Split(rest) is var words && asked.Find(line => StartsWith(words, 0, line)) is { } echoed)
            rest = rest[words[echoed.Count - 1].End..].TrimStart(' ', '\n', '\t', '.', ':', '!', '?', '"', '-');
        var left = CaptionText.Split(CaptionText.WithoutQuotations(rest));
        return asked.Exists(line => line.Count >= WordsAnywhere && Enumerable.Range(0, left.Count).Any(at => StartsWith(left, at, line))) ? null : rest;
    }

    private static bool StartsWith(List<Word> words, int at, List<Word> line)
    {
        if (words.Count - at < line.Count)
            return false;
        for (var i = 0; i < line.Count; i++)
        {
            if (words[at + i].Letters != line[i].Letters)
                return false;
        }

        return true;
    }
}
