using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Sana.Inference.Text;
using Sana.StillLife;
using Sana.StillLife.Captions;
using TinySana.Torch;

namespace TinySana.Tokenizers;

/// <summary>Writes the files of a byte-level tokenizer: vocab.json, merges.txt, tokenizer.json.</summary>
internal static class ByteLevelFiles
{
    // Published files have the letters of bytes unescaped.
    private static readonly JsonSerializerOptions OneLine = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The letters of all bytes, in the order of published vocabularies.</summary>
    public static string[] Letters { get; } = [.. Enumerable.Range(0, 256).Select(ByteLevelAlphabet.Letter).Order().Select(letter => letter.ToString())];

    /// <summary>The letters of a word's UTF-8 bytes.</summary>
    public static string[] LettersOf(string word) => [.. Encoding.UTF8.GetBytes(word).Select(value => ByteLevelAlphabet.Letter(value).ToString())];

    public static void Write(string folder, IReadOnlyList<string> vocabulary, IReadOnlyList<(string Left, string Right)> merges, JsonObject tokenizer)
    {
        Directory.CreateDirectory(folder);
        var ids = new JsonObject([.. vocabulary.Select((token, id) => KeyValuePair.Create(token, (JsonNode?)id))]);
        string[] lines = [.. merges.Select(merge => $"{merge.Left} {merge.Right}")];
        File.WriteAllText(Path.Combine(folder, "merges.txt"), string.Join('\n', ["#version: 0.2", .. lines]) + "\n");
        File.WriteAllText(Path.Combine(folder, "vocab.json"), ids.ToJsonString(OneLine));
        (tokenizer["model"]!["vocab"], tokenizer["model"]!["merges"]) = (ids, new JsonArray([.. lines.Select(line => (JsonNode)line)]));
        JsonFile.Save(Path.Combine(folder, "tokenizer.json"), tokenizer);
    }

    /// <summary>An entry of <c>added_tokens</c> in tokenizer.json.</summary>
    public static JsonObject Added(string content, int id, bool isSpecial = true) => new()
    {
        ["id"] = id,
        ["content"] = content,
        ["single_word"] = false,
        ["lstrip"] = false,
        ["rstrip"] = false,
        ["normalized"] = false,
        ["special"] = isSpecial,
    };

    /// <summary>The section <c>model</c> of tokenizer.json, without vocabulary and merges.</summary>
    public static JsonObject Model(string? unknown, string wordEnd) => new()
    {
        ["type"] = "BPE",
        ["dropout"] = null,
        ["unk_token"] = unknown,
        ["continuing_subword_prefix"] = "",
        ["end_of_word_suffix"] = wordEnd,
        ["fuse_unk"] = false,
        ["byte_fallback"] = false,
        ["ignore_merges"] = false,
    };

    /// <summary>A step of type <c>ByteLevel</c> in tokenizer.json.</summary>
    public static JsonObject ByteLevel(bool trim) => new() { ["type"] = "ByteLevel", ["add_prefix_space"] = false, ["trim_offsets"] = trim, ["use_regex"] = true };
}

/// <summary>The captions that byte-level tokenizers learn from.</summary>
internal static class CaptionCorpus
{
    private const int Scenes = 20_000;

    // True captions of every richness and wording, of scenes that no training draws.
    private static IEnumerable<string> Captions()
    {
        for (var seed = 0UL; seed < Scenes; seed++)
        {
            var scene = SceneGenerator.Draw(ulong.MaxValue - seed);
            var random = new SceneRandom(seed);
            yield return CaptionGrammar.Paraphrase(scene, random);
            yield return CaptionGrammar.Describe(scene, (Richness)(seed % 5));
        }
    }

    /// <summary>The words of all captions and how often each occurs.</summary>
    /// <param name="split">Splits a caption into words.</param>
    public static IEnumerable<(string Word, long Count)> Words(Func<string, IEnumerable<string>> split) =>
        Captions().SelectMany(split).GroupBy(word => word, StringComparer.Ordinal).Select(group => (group.Key, group.LongCount()));
}
