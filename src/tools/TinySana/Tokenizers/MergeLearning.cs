namespace TinySana.Tokenizers;

/// <summary>Learns which neighbouring symbols join (Sennrich et al., 2016, "Neural machine translation of rare words with subword units").</summary>
internal static class MergeLearning
{
    /// <summary>Merges, the most frequent first; of two equally frequent the first in ordinal order, so that the same texts give the same file.</summary>
    /// <param name="words">Pieces that nothing joins across, each cut into symbols, and how often each comes.</param>
    /// <param name="limit">Most merges; there are fewer when every word has become one symbol.</param>
    public static List<(string Left, string Right)> Learn(IEnumerable<(IReadOnlyList<string> Symbols, long Count)> words, int limit)
    {
        var pieces = words.Select(word => (Symbols: word.Symbols.ToList(), word.Count)).ToList();
        var merges = new List<(string, string)>();
        while (merges.Count < limit && MostFrequent(pieces) is { } pair)
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
