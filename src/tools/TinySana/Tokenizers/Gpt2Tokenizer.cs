using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Sana.Inference.Text;
using TinySana.Torch;

namespace TinySana.Tokenizers;

/// <summary>A GPT-2 tokenizer, from captions to ids.</summary>
internal sealed partial class Gpt2Tokenizer
{
    /// <summary>The token that starts and ends every text.</summary>
    public const string EndToken = "<|endoftext|>";

    private readonly Vocabulary _vocabulary;
    private readonly MergeRun _merges;
    private readonly Dictionary<string, int[]> _cache = [];

    /// <param name="folder">The folder with vocab.json and merges.txt.</param>
    public Gpt2Tokenizer(string folder)
    {
        var (vocab, merges) = (Path.Combine(folder, "vocab.json"), Path.Combine(folder, "merges.txt"));
        _vocabulary = Vocabulary.Parse(File.ReadAllBytes(vocab), vocab, "the file");
        _merges = new MergeRun(BytePairMerges.ParseLines(File.ReadAllBytes(merges), _vocabulary, merges));
        EndId = _vocabulary.Require(EndToken, "GPT-2");
    }

    /// <summary>The id of <see cref="EndToken"/>.</summary>
    public int EndId { get; }

    /// <summary>Highest id + 1.</summary>
    public int Size => _vocabulary.Size;

    /// <summary>The ids of a text, without start and end token.</summary>
    public int[] Encode(string text) => [.. Split(text).SelectMany(Word)];

    /// <summary>Splits a text into words, each with the space before it.</summary>
    public static IEnumerable<string> Split(string text) => Words().Matches(text).Select(word => word.Value);

    private int[] Word(string word)
    {
        if (_cache.TryGetValue(word, out var known))
            return known;
        int[] ids = [.. ByteLevelFiles.LettersOf(word).Select(letter => _vocabulary.Require(letter, "GPT-2"))];
        return _cache[word] = ids[.._merges.Join(ids)];
    }

    [GeneratedRegex(@"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")]
    private static partial Regex Words();
}

/// <summary>Learns a GPT-2 tokenizer from captions and writes its files.</summary>
internal static class Gpt2TokenizerTraining
{
    /// <summary>Writes vocab.json, merges.txt, tokenizer.json and tokenizer_config.json.</summary>
    /// <param name="folder">The checkpoint's folder.</param>
    /// <param name="context">Longest text in tokens.</param>
    public static void Write(string folder, int context)
    {
        const string end = Gpt2Tokenizer.EndToken;
        var merges = MergeLearning.Learn(CaptionCorpus.Words(Gpt2Tokenizer.Split).Select(word => (ByteLevelFiles.LettersOf(word.Word), word.Count)));
        string[] vocabulary = [.. ByteLevelFiles.Letters, .. merges.Select(merge => merge.Left + merge.Right), end];
        ByteLevelFiles.Write(folder, vocabulary, merges, new JsonObject
        {
            ["version"] = "1.0",
            ["truncation"] = null,
            ["padding"] = null,
            ["added_tokens"] = new JsonArray(ByteLevelFiles.Added(end, vocabulary.Length - 1)),
            ["normalizer"] = null,
            ["pre_tokenizer"] = ByteLevelFiles.ByteLevel(trim: true),
            ["post_processor"] = ByteLevelFiles.ByteLevel(trim: false),
            ["decoder"] = ByteLevelFiles.ByteLevel(trim: true),
            ["model"] = ByteLevelFiles.Model(unknown: null, wordEnd: ""),
        });
        JsonFile.Save(Path.Combine(folder, "tokenizer_config.json"), new JsonObject
        {
            ["tokenizer_class"] = "GPT2Tokenizer",
            ["model_max_length"] = context,
            ["add_prefix_space"] = false,
            ["bos_token"] = end,
            ["eos_token"] = end,
            ["unk_token"] = end,
            ["pad_token"] = end,
        });
    }
}
