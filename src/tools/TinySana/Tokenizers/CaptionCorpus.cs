using Sana.StillLife;
using Sana.StillLife.Captions;

namespace TinySana.Tokenizers;

/// <summary>The captions that byte-level tokenizers are learned from.</summary>
internal static class CaptionCorpus
{
    private const int Scenes = 20_000;

    /// <summary>True captions of every richness and wording, of scenes that no training draws.</summary>
    public static IEnumerable<string> Captions()
    {
        for (var seed = 0UL; seed < Scenes; seed++)
        {
            var scene = SceneGenerator.Draw(ulong.MaxValue - seed);
            var random = new SceneRandom(seed);
            yield return CaptionGrammar.Paraphrase(scene, random);
            yield return CaptionGrammar.Describe(scene, (Richness)(seed % 5));
        }
    }

    /// <summary>Each word and how often it comes.</summary>
    /// <param name="split">Cuts a caption into words.</param>
    public static IEnumerable<(string Word, long Count)> Words(Func<string, IEnumerable<string>> split) =>
        Captions().SelectMany(split).GroupBy(word => word, StringComparer.Ordinal).Select(group => (group.Key, group.LongCount()));
}
