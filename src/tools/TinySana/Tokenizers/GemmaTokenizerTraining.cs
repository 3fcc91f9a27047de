using System.Text.Json.Nodes;
using TinySana.Torch;

namespace TinySana.Tokenizers;

/// <summary>
/// Writes the folder <c>tokenizer</c> of a checkpoint in Gemma's format. The vocabulary has added tokens, bytes, single characters, then the results of merges.
/// </summary>
internal static class GemmaTokenizerWriter
{
    private static readonly string[] Added = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "<start_of_turn>", "<end_of_turn>", "\n", "\n\n"];

    /// <summary>Writes <c>tokenizer.json</c>, <c>tokenizer_config.json</c> and <c>special_tokens_map.json</c>.</summary>
    public static void Write(string folder, IReadOnlyList<(string Left, string Right)> merges)
    {
        string[] tokens =
        [
            .. Added,
            .. Enumerable.Range(0, 256).Select(value => $"<0x{value:X2}>"),
            .. Enumerable.Range('!', '~' - '!' + 1).Select(letter => ((char)letter).ToString()),
            GemmaMergeTraining.Space.ToString(),
            .. merges.Select(merge => merge.Left + merge.Right).Distinct(),
        ];
        var special = new JsonObject { ["bos_token"] = "<bos>", ["eos_token"] = "<eos>", ["pad_token"] = "<pad>", ["unk_token"] = "<unk>" };
        var config = new JsonObject
        {
            ["tokenizer_class"] = "GemmaTokenizer",
            ["add_bos_token"] = true,
            ["add_eos_token"] = false,
            ["padding_side"] = "left",
            ["clean_up_tokenization_spaces"] = false,
            ["model_max_length"] = 8_192,
        };
        foreach (var (name, token) in special)
            config[name] = token!.DeepClone();

        JsonFile.Save(Path.Combine(folder, "tokenizer.json"), Tokenizer(tokens, merges));
        JsonFile.Save(Path.Combine(folder, "tokenizer_config.json"), config);
        JsonFile.Save(Path.Combine(folder, "special_tokens_map.json"), special);
    }

    private static JsonObject Tokenizer(string[] tokens, IReadOnlyList<(string Left, string Right)> merges) => new()
    {
        ["version"] = "1.0",
        ["truncation"] = null,
        ["padding"] = null,
        ["added_tokens"] = new JsonArray([.. Added.Select((token, id) => ByteLevelFiles.Added(token, id, isSpecial: token[0] == '<'))]),
        ["normalizer"] = Replace(" ", "▁"),
        ["pre_tokenizer"] = null,
        ["post_processor"] = Template(),
        ["decoder"] = new JsonObject
        {
            ["type"] = "Sequence",
            ["decoders"] = new JsonArray(Replace("▁", " "), new JsonObject { ["type"] = "ByteFallback" }, new JsonObject { ["type"] = "Fuse" }),
        },
        ["model"] = new JsonObject
        {
            ["type"] = "BPE",
            ["dropout"] = null,
            ["unk_token"] = "<unk>",
            ["continuing_subword_prefix"] = null,
            ["end_of_word_suffix"] = null,
            ["fuse_unk"] = true,
            ["byte_fallback"] = true,
            ["ignore_merges"] = false,
            ["vocab"] = new JsonObject(tokens.Select((token, id) => KeyValuePair.Create(token, (JsonNode?)id))),
            ["merges"] = new JsonArray([.. merges.Select(merge => (JsonNode)$"{merge.Left} {merge.Right}")]),
        },
    };

    private static JsonObject Replace(string pattern, string content) => new()
    {
        ["type"] = "Replace",
        ["pattern"] = new JsonObject { ["String"] = pattern },
        ["content"] = content,
    };

    private static JsonObject Template()
    {
        return new JsonObject
        {
            ["type"] = "TemplateProcessing",
            ["single"] = new JsonArray(Bos(0), Text("A", 0)),
            ["pair"] = new JsonArray(Bos(0), Text("A", 0), Bos(1), Text("B", 1)),
            ["special_tokens"] = new JsonObject
            {
                ["<bos>"] = new JsonObject { ["id"] = "<bos>", ["ids"] = new JsonArray(Array.IndexOf(Added, "<bos>")), ["tokens"] = new JsonArray("<bos>") },
            },
        };

        static JsonObject Bos(int type) => new() { ["SpecialToken"] = new JsonObject { ["id"] = "<bos>", ["type_id"] = type } };
        static JsonObject Text(string id, int type) => new() { ["Sequence"] = new JsonObject { ["id"] = id, ["type_id"] = type } };
    }
}

/// <summary>
/// Learns the merges of a small vocabulary. Letters merge within words; last of all, whole words merge with the space before them.
/// So a word has the same token everywhere, and no token spans two words.
/// </summary>
internal sealed class GemmaMergeTraining
{
    /// <summary>Gemma's character for a space.</summary>
    public const char Space = '▁';

    private readonly Dictionary<string, long> _words = [];
    private readonly HashSet<string> _afterSpace = [];

    /// <summary>Counts the words and punctuation marks of a text.</summary>
    /// <param name="text">A text with ordinary spaces.</param>
    /// <param name="times">How many times it counts.</param>
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

    /// <summary>The merges in order of rank. Every word that occurs often enough becomes one token.</summary>
    /// <param name="atLeast">Least number of occurrences of such a word.</param>
    public List<(string Left, string Right)> Merges(long atLeast)
    {
        var words = _words.Where(word => word.Value >= atLeast).OrderBy(word => word.Key, StringComparer.Ordinal).ToArray();
        var merges = MergeLearning.Learn(words.Select(word => (word.Key.Select(letter => letter.ToString()).ToArray(), word.Value)));
        var whole = words.Select(word => word.Key).Where(_afterSpace.Contains);
        return [.. merges, .. whole.Select(word => (Space.ToString(), word))];
    }
}
