namespace TinySana.Tokenizers;

// Sennrich, Haddow and Birch, "Neural Machine Translation of Rare Words with Subword Units" (arXiv:1508.07909), algorithm 1.

/// <summary>
/// The merges of a small vocabulary. Letters merge within a word, and a whole word merges with the space before it last of all: so a word is the same token wherever it stands, and no token
/// spans two words.
/// </summary>
internal sealed class BytePairTraining
{
    /// <summary>How Gemma writes a space.</summary>
    public const char Space = '▁';

    private readonly Dictionary<string, long> _words = [];
    private readonly HashSet<string> _afterSpace = [];

    /// <summary>Counts a text's words and signs.</summary>
    /// <param name="text">With plain spaces.</param>
    /// <param name="times">How often it counts.</param>
    public void Add(string text, int times = 1)
    {
        for (var i = 0; i < text.Length;)
        {
            var end = i + 1;
            while (char.IsAsciiLetter(text[i]) && end < text.Length && char.IsAsciiLetter(text[end]))
                end++;
            var word = text[i..end];
            if (!char.IsWhiteSpace(word[0]))
            {
                _words[word] = _words.GetValueOrDefault(word) + times;
                if (i > 0 && text[i - 1] == ' ')
                    _afterSpace.Add(word);
            }

            i = end;
        }
    }

    /// <summary>Merges in order of rank; every word that counts often enough ends as one token.</summary>
    /// <param name="atLeast">Words that count less stay in pieces.</param>
    public List<(string Left, string Right)> Merges(long atLeast)
    {
        var words = _words.Where(word => word.Value >= atLeast).OrderBy(word => word.Key, StringComparer.Ordinal).ToArray();
        var merges = MergeLearning.Learn(words.Select(word => ((IReadOnlyList<string>)[.. word.Key.Select(letter => letter.ToString())], word.Value)), int.MaxValue);
        var whole = words.Select(word => word.Key).Where(_afterSpace.Contains);
        return [.. merges, .. whole.Select(word => (Space.ToString(), word))];
    }
}
