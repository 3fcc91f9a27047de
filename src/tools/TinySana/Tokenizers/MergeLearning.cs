namespace TinySana.Tokenizers;

/// <summary>Learns the merges of byte-pair encoding (Sennrich, Haddow and Birch, arXiv:1508.07909, algorithm 1).</summary>
internal static class MergeLearning
{
    /// <summary>
    /// Learns merges until every word is one symbol, the most frequent pair first.
    /// Of equally frequent pairs it takes the first in ordinal order, so the same words give the same merges.
    /// </summary>
    /// <param name="words">The words, each split into symbols, and how often each occurs.</param>
    public static List<(string Left, string Right)> Learn(IEnumerable<(string[] Symbols, long Count)> words)
    {
        var pieces = words.Select(word => (Symbols: word.Symbols.ToList(), word.Count)).ToList();
        var merges = new List<(string, string)>();
        while (MostFrequent(pieces) is { } pair)
        {
            merges.Add(pair);
            foreach (var (symbols, _) in pieces)
                Join(symbols, pair);
        }

        return merges;
    }

    private static (string Left, string Right)? MostFrequent(List<(List<string> Symbols, long Count)> pieces)
    {
        var counts = new Dictionary<(string Left, string Right), long>();
        foreach (var (symbols, count) in pieces)
        {
            for (var i = 0; i + 1 < symbols.Count; i++)
                counts[(symbols[i], symbols[i + 1])] = counts.GetValueOrDefault((symbols[i], symbols[i + 1])) + count;
        }

        return counts
            .OrderByDescending(pair => pair.Value)
            .ThenBy(pair => pair.Key.Left, StringComparer.Ordinal)
            .ThenBy(pair => pair.Key.Right, StringComparer.Ordinal)
            .Select(pair => ((string Left, string Right)?)pair.Key)
            .FirstOrDefault();
    }

    private static void Join(List<string> symbols, (string Left, string Right) pair)
    {
        for (var i = 0; i + 1 < symbols.Count; i++)
        {
            if (symbols[i] != pair.Left || symbols[i + 1] != pair.Right)
                continue;
            symbols[i] += symbols[i + 1];
            symbols.RemoveAt(i + 1);
        }
    }
}
