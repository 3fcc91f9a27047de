using System.Security.Cryptography;
using System.Text;

namespace Sana.Inference.Text;

/// <summary>The complex human instruction (CHI): text before every positive prompt that asks for a more detailed one, which gives better embeddings.</summary>
public sealed class ComplexHumanInstruction
{
    private const string FileName = "complex_human_instruction.json";

    /// <summary>The published one has 208 tokens. Every prompt attends to all of them.</summary>
    private const int MaxInstructionTokens = 4096;

    private readonly GemmaTokenizer _tokenizer;

    private ComplexHumanInstruction(string text, GemmaTokenizer tokenizer, string source)
    {
        (Text, _tokenizer) = (text, tokenizer);
        Ids = tokenizer.Encode(text, MaxInstructionTokens, out var tokens);
        if (tokens > MaxInstructionTokens)
            throw new InferenceException($"{source} has {tokens:N0} tokens, the limit is {MaxInstructionTokens:N0}; shorten it.");
    }

    /// <summary>The instruction's text; the prompt follows without a separator.</summary>
    public string Text { get; }

    /// <summary>The instruction's ids, <c>&lt;bos&gt;</c> included.</summary>
    public int[] Ids { get; }

    /// <summary>How many ids the instruction has (num_chi), <c>&lt;bos&gt;</c> included.</summary>
    public int Tokens => Ids.Length;

    /// <summary>
    /// Tokens of instruction and prompt together: the instruction's and 300, less 2 as in diffusers: the <c>&lt;bos&gt;</c>, and the instruction's last token, with which the prompt's first merges.
    /// </summary>
    public int MaxTokens => Tokens + TextTokens.MaxPlain - 2;

    /// <summary>The instruction of a checkpoint: its <c>complex_human_instruction.json</c> (a list of lines), or else the published one. Null when that list is empty: then prompts have no instruction.</summary>
    /// <param name="checkpointFolder">The folder that has <c>model_index.json</c>.</param>
    /// <param name="tokenizer">The tokenizer of that checkpoint.</param>
    /// <exception cref="InferenceException">The file is broken, or there is none and the vocabulary is not the one that the published instruction is for.</exception>
    public static ComplexHumanInstruction? Load(string checkpointFolder, GemmaTokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        var path = Path.Combine(checkpointFolder, FileName);
        if (CheckpointFile.ReadSettings(path) is not { } lines)
            return new ComplexHumanInstruction(PublishedInstruction.Text(tokenizer, path), tokenizer, "The published instruction");

        var text = string.Join('\n', lines.Items().Select(line => line.Text()));
        return text.Length == 0 ? null : new ComplexHumanInstruction(text, tokenizer, path);
    }

    /// <summary>Cleans the prompt and tokenises it with the instruction as one string, because tokens may merge where the two meet.</summary>
    /// <exception cref="InferenceException">The text is too long: 1,000,000 characters with the instruction.</exception>
    public TextTokens Encode(string prompt)
    {
        var ids = _tokenizer.Encode(Text + PromptCleaner.Clean(prompt), MaxTokens, out var uncut);
        var shared = Math.Min(ids.AsSpan().CommonPrefixLength(Ids), Math.Min(Tokens, ids.Length) - 1);
        return new TextTokens(ids, FirstKept: Tokens - 1, shared, uncut);
    }
}

/// <summary>The instruction of the published Sana checkpoints: ids of Gemma's vocabulary, decoded with the checkpoint's vocabulary.</summary>
internal static class PublishedInstruction
{
    private const string Sha256 = "48290080bb4fd4a264bdc81d0647ac0221359a36506e2b3e954616d6cb48c3da";

    private static readonly int[] _ids =
    [
        24985, 476, 2425, 18335, 235269, 11941, 671, 777, 98748, 18335, 235303, 674, 6572, 11352, 9095, 31017, 10383, 604, 2416, 10304, 235265, 64755, 573, 2403, 576, 8637,
        575, 573, 2425, 18335, 235292, 108, 235290, 1927, 573, 18335, 603, 3890, 235269, 6045, 611, 10480, 85325, 1105, 9276, 235269, 21085, 235269, 14114, 235269, 45882,
        235269, 578, 26598, 12733, 577, 3104, 40041, 578, 13660, 19502, 235265, 108, 235290, 1927, 573, 18335, 603, 3303, 11352, 235269, 80745, 578, 14915, 573, 7881, 4691,
        9677, 2346, 1163, 1795, 85694, 235265, 108, 4858, 708, 8944, 576, 1368, 577, 9315, 689, 80745, 73815, 235292, 108, 235290, 4926, 67444, 235292, 586, 4401, 20083,
        3978, 71439, 235292, 586, 2301, 235269, 61040, 2674, 4401, 96771, 908, 575, 476, 5094, 7479, 235269, 20083, 66509, 611, 476, 8056, 30619, 5912, 81036, 235269, 22442,
        731, 37801, 576, 74435, 3118, 9148, 235265, 108, 235290, 4926, 67444, 235292, 586, 13572, 3413, 7432, 3978, 71439, 235292, 586, 130898, 3413, 7432, 8089, 696, 68171,
        235269, 24519, 46414, 7432, 41114, 235269, 476, 16932, 16495, 576, 1461, 575, 23148, 14328, 235269, 578, 476, 4199, 235290, 172530, 1986, 13230, 731, 121048, 5570,
        171729, 235265, 108, 5958, 11941, 1297, 573, 20085, 5966, 604, 573, 18335, 3582, 578, 6858, 3359, 1089, 5942, 45007, 689, 62350, 235292, 108, 2224, 67444, 235292,
        235248,
    ];

    /// <exception cref="InferenceException">The vocabulary is another one, in which the ids have other texts.</exception>
    public static string Text(GemmaTokenizer tokenizer, string missingFile)
    {
        var text = tokenizer.VocabularySize > _ids.Max() ? tokenizer.Decode(_ids) : "";
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text))) == Sha256
            ? text
            : throw new InferenceException($"{missingFile} is missing and the published instruction is not for this vocabulary of {tokenizer.VocabularySize:N0} tokens; add the file (a list of lines) or turn the instruction off.");
    }
}
