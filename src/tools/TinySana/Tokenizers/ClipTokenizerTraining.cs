using System.Text.Json.Nodes;
using Sana.Inference.Text;
using TinySana.Torch;

namespace TinySana.Tokenizers;

/// <summary>Learns a CLIP tokenizer from captions and writes its files.</summary>
internal static class ClipTokenizerTraining
{
    private const string WordEnd = "</w>";
    private const string StartToken = "<|startoftext|>";
    private const string EndToken = "<|endoftext|>";
    private const string Pattern = @"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";

    /// <summary>Writes vocab.json, merges.txt, tokenizer.json, tokenizer_config.json and special_tokens_map.json.</summary>
    /// <param name="folder">The checkpoint's folder.</param>
    /// <param name="context">Longest text in tokens.</param>
    public static void Write(string folder, int context)
    {
        var merges = MergeLearning.Learn(CaptionCorpus.Words(Split).Select(word => (Symbols(word.Word), word.Count)));
        string[] vocabulary =
        [
            .. ByteLevelFiles.Letters, .. ByteLevelFiles.Letters.Select(letter => letter + WordEnd), .. merges.Select(merge => merge.Left + merge.Right), StartToken, EndToken,
        ];
        var (start, end) = (vocabulary.Length - 2, vocabulary.Length - 1);
        ByteLevelFiles.Write(folder, vocabulary, merges, new JsonObject
        {
            ["version"] = "1.0",
            ["truncation"] = null,
            ["padding"] = null,
            ["added_tokens"] = new JsonArray(ByteLevelFiles.Added(StartToken, start), ByteLevelFiles.Added(EndToken, end)),
            ["normalizer"] = Sequence("normalizers", Step("NFC"), Replace(), Step("Lowercase")),
            ["pre_tokenizer"] = Sequence("pretokenizers", SplitStep(), ByteLevelFiles.ByteLevel(trim: true)),
            ["post_processor"] = new JsonObject
            {
                ["type"] = "RobertaProcessing",
                ["sep"] = new JsonArray(EndToken, end),
                ["cls"] = new JsonArray(StartToken, start),
                ["trim_offsets"] = false,
                ["add_prefix_space"] = false,
            },
            ["decoder"] = ByteLevelFiles.ByteLevel(trim: true),
            ["model"] = ByteLevelFiles.Model(EndToken, WordEnd),
        });
        JsonFile.Save(Path.Combine(folder, "special_tokens_map.json"), Specials());
        var config = Specials();
        (config["tokenizer_class"], config["model_max_length"], config["do_lower_case"]) = ("CLIPTokenizer", context, true);
        JsonFile.Save(Path.Combine(folder, "tokenizer_config.json"), config);
    }

    private static IEnumerable<string> Split(string caption)
    {
        var text = ClipPreTokenizer.Normalise(caption);
        return ClipPreTokenizer.Words(text).Select(word => text[word]);
    }

    private static string[] Symbols(string word)
    {
        var letters = ByteLevelFiles.LettersOf(word);
        letters[^1] += WordEnd;
        return letters;
    }

    private static JsonObject Specials() => new() { ["bos_token"] = StartToken, ["eos_token"] = EndToken, ["unk_token"] = EndToken, ["pad_token"] = EndToken };

    private static JsonObject Step(string type) => new() { ["type"] = type };

    private static JsonObject Sequence(string key, params JsonNode[] steps) => new() { ["type"] = "Sequence", [key] = new JsonArray(steps) };

    private static JsonObject Replace() => new() { ["type"] = "Replace", ["pattern"] = new JsonObject { ["Regex"] = @"\s+" }, ["content"] = " " };

    private static JsonObject SplitStep() => new()
    {
        ["type"] = "Split",
        ["pattern"] = new JsonObject { ["Regex"] = Pattern },
        ["behavior"] = "Removed",
        ["invert"] = true,
    };
}
