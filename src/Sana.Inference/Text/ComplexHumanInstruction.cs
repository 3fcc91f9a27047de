namespace Sana.Inference.Text;

/// <summary>The instruction (CHI) that stands before every positive prompt and asks the text encoder for a richer reading of it.</summary>
public sealed class ComplexHumanInstruction
{
    private const string FileName = "complex_human_instruction.json";

    /// <summary>The published one has 208 tokens; every prompt pays for it.</summary>
    private const int MaxInstructionTokens = 4096;

    private readonly GemmaTokenizer _tokenizer;

    private ComplexHumanInstruction(string text, GemmaTokenizer tokenizer, string source)
    {
        (Text, _tokenizer) = (text, tokenizer);
        Ids = tokenizer.Encode(text, MaxInstructionTokens, out var tokens);
        if (tokens > MaxInstructionTokens)
            throw new InferenceException($"{source} has {tokens:N0} tokens, the limit is {MaxInstructionTokens:N0}; shorten it.");
    }

    /// <summary>The instruction's text; a prompt is joined to it directly.</summary>
    public string Text { get; }

    /// <summary>The instruction's ids, <c>&lt;bos&gt;</c> included.</summary>
    public int[] Ids { get; }

    /// <summary>How many ids the instruction has (num_chi), <c>&lt;bos&gt;</c> included.</summary>
    public int Tokens => Ids.Length;

    /// <summary>
    /// Tokens of instruction and prompt together: 300 for the prompt, less 2 for what the instruction's count has already, its <c>&lt;bos&gt;</c> and its last token, with which the prompt's first merges.
    /// </summary>
    public int MaxTokens => Tokens + TextTokens.MaxPlain - 2;

    /// <summary>The instruction of a checkpoint: its <c>complex_human_instruction.json</c> (a list of lines), or else the published one. Null when that list is empty: prompts go without.</summary>
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

    /// <summary>Cleans the prompt and tokenises it with the instruction as one string, because the two merge where they meet.</summary>
    /// <exception cref="InferenceException">The text is too long: 1,000,000 characters with the instruction.</exception>
    public TextTokens Encode(string prompt)
    {
        var ids = _tokenizer.Encode(Text + PromptText.Clean(prompt), MaxTokens, out var uncut);
        var shared = Math.Min(ids.AsSpan().CommonPrefixLength(Ids), Math.Min(Tokens, ids.Length) - 1);
        return new TextTokens(ids, FirstKept: Tokens - 1, shared, uncut);
    }
}
