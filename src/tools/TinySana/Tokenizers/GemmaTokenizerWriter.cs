using System.Text.Json.Nodes;
using TinySana.Torch;

namespace TinySana.Tokenizers;

/// <summary>A checkpoint's folder <c>tokenizer</c> in the form of Gemma's: added tokens, bytes, single characters, then what the merges make.</summary>
internal static class GemmaTokenizerWriter
{
    private static readonly string[] Added = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "<start_of_turn>", "<end_of_turn>", "\n", "\n\n"];

    /// <summary>Writes <c>tokenizer.json</c>, <c>tokenizer_config.json</c> and <c>special_tokens_map.json</c>.</summary>
    /// <returns>How many tokens there are.</returns>
    public static int Write(string folder, IReadOnlyList<(string Left, string Right)> merges)
    {
        string[] tokens =
        [
            .. Added,
            .. Enumerable.Range(0, 256).Select(value => $"<0x{value:X2}>"),
            .. Enumerable.Range('!', '~' - '!' + 1).Select(letter => ((char)letter).ToString()),
            BytePairTraining.Space.ToString(),
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
        return tokens.Length;
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
