using System.Text.Json.Nodes;
using TinySana.Torch;

namespace TinySana.Tokenizers;

/// <summary>Learns a GPT-2 tokenizer on the world's captions and writes its files.</summary>
internal static class Gpt2TokenizerTraining
{
    /// <summary>Writes vocab.json, merges.txt, tokenizer.json and tokenizer_config.json.</summary>
    /// <param name="folder">The checkpoint's folder.</param>
    /// <param name="context">Longest text in tokens.</param>
    public static void Write(string folder, int context)
    {
        const string end = Gpt2Tokenizer.EndToken;
        var words = CaptionCorpus.Words(Gpt2Tokenizer.Split).Select(word => ((IReadOnlyList<string>)ByteLevelFiles.LettersOf(word.Word), word.Count));
        var merges = MergeLearning.Learn(words, int.MaxValue);
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
