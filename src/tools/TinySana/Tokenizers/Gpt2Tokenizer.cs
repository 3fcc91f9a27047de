using System.Text.RegularExpressions;
using Sana.Inference.Text;

namespace TinySana.Tokenizers;

/// <summary>Captions to the ids of a GPT-2 tokenizer; the way back is <c>Gpt2Vocabulary</c>.</summary>
internal sealed partial class Gpt2Tokenizer
{
    /// <summary>Starts and ends every text.</summary>
    public const string EndToken = "<|endoftext|>";

    private readonly Vocabulary _vocabulary;
    private readonly MergeRun _run;
    private readonly Dictionary<string, int[]> _known = [];

    /// <param name="folder">Holds vocab.json and merges.txt.</param>
    public Gpt2Tokenizer(string folder)
    {
        var (vocab, merges) = (Path.Combine(folder, "vocab.json"), Path.Combine(folder, "merges.txt"));
        _vocabulary = Vocabulary.Parse(File.ReadAllBytes(vocab), vocab, "the file");
        _run = new MergeRun(BytePairMerges.ParseLines(File.ReadAllBytes(merges), _vocabulary, merges));
        EndId = _vocabulary.Require(EndToken, "GPT-2");
    }

    /// <summary>The id of <see cref="EndToken"/>.</summary>
    public int EndId { get; }

    /// <summary>Highest id + 1.</summary>
    public int Size => _vocabulary.Size;

    /// <summary>The ids of a text, without start and end.</summary>
    public int[] Encode(string text) => [.. Split(text).SelectMany(Word)];

    /// <summary>GPT-2's words: each with the space before it.</summary>
    public static IEnumerable<string> Split(string text) => Words().Matches(text).Select(word => word.Value);

    private int[] Word(string word)
    {
        if (_known.TryGetValue(word, out var known))
            return known;
        int[] ids = [.. ByteLevelFiles.LettersOf(word).Select(letter => _vocabulary.Require(letter, "GPT-2"))];
        return _known[word] = ids[.._run.Join(ids)];
    }

    [GeneratedRegex(@"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")]
    private static partial Regex Words();
}
