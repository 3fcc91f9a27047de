using System.Text.Json.Nodes;
using Sana.Inference.Text;
using Sana.Tests.Support;

namespace Sana.Tests.Text;

/// <summary>A Gemma tokenizer.json with all bytes, the letters a to z and a few merges, to be changed by a test.</summary>
internal static class TinyTokenizer
{
    public static JsonObject Json()
    {
        var vocabulary = new JsonObject { ["<pad>"] = 0, ["<eos>"] = 1, ["<bos>"] = 2, ["<unk>"] = 3 };
        for (var value = 0; value < 256; value++) vocabulary[$"<0x{value:X2}>"] = 4 + value;
        foreach (var token in "▁abcdefghijklmnopqrstuvwxyz".Select(letter => letter.ToString()).Concat(["ab", "abc", "▁a", "cc"])) vocabulary[token] = vocabulary.Count;
        return new JsonObject
        {
            ["added_tokens"] = new JsonArray(Added(0, "<pad>"), Added(1, "<eos>"), Added(2, "<bos>"), Added(3, "<unk>")),
            ["normalizer"] = JsonNode.Parse("""{"type": "Replace", "pattern": {"String": " "}, "content": "▁"}"""),
            ["pre_tokenizer"] = null,
            ["post_processor"] = JsonNode.Parse("""
                {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<bos>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                 "special_tokens": {"<bos>": {"id": "<bos>", "ids": [2], "tokens": ["<bos>"]}}}
                """),
            ["model"] = new JsonObject
            {
                ["type"] = "BPE",
                ["dropout"] = null,
                ["unk_token"] = "<unk>",
                ["fuse_unk"] = true,
                ["byte_fallback"] = true,
                ["ignore_merges"] = false,
                ["vocab"] = vocabulary,
                ["merges"] = new JsonArray("▁ a", "a b", "c c", "ab c"),
            },
        };
    }

    public static JsonObject Added(int id, string content) =>
        new() { ["id"] = id, ["content"] = content, ["single_word"] = false, ["lstrip"] = false, ["rstrip"] = false, ["normalized"] = false, ["special"] = true };

    public static GemmaTokenizer Load(Action<JsonObject> change)
    {
        var json = Json();
        change(json);
        return Load(json.ToJsonString());
    }

    public static GemmaTokenizer Load(string json, string? config = null)
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder.File("tokenizer.json"), json);
        if (config is not null) File.WriteAllText(folder.File("tokenizer_config.json"), config);
        return GemmaTokenizer.Load(folder.Path);
    }

    /// <summary>The ids as their tokens, joined by bars.</summary>
    public static string Tokens(this GemmaTokenizer tokenizer, string text)
    {
        var vocabulary = Json()["model"]!["vocab"]!.AsObject().ToDictionary(token => (int)token.Value!, token => token.Key);
        return string.Join('|', tokenizer.Encode(text).Select(id => vocabulary.GetValueOrDefault(id, $"#{id}")));
    }
}
