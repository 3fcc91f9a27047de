namespace Sana.Inference.Text;

/// <summary>A tokenised prompt: what the text encoder reads, and which of its outputs the transformer reads.</summary>
/// <param name="Ids">What the encoder reads, <c>&lt;bos&gt;</c> first, not padded: at most <see cref="ComplexHumanInstruction.MaxTokens"/> or <see cref="MaxPlain"/>.</param>
/// <param name="FirstKept">Kept positions are 0 and from here to the end: the instruction's tokens − 1, or 1 without an instruction.</param>
/// <param name="SharedPrefix">
/// How many leading ids are the instruction's: the part for which cached keys and values can be used. At most the instruction's tokens − 1 and fewer than <paramref name="Ids"/>; 0 without an
/// instruction.
/// </param>
/// <param name="UncutTokens">Ids that the whole text has, <c>&lt;bos&gt;</c> and instruction included.</param>
public sealed record TextTokens(int[] Ids, int FirstKept, int SharedPrefix, int UncutTokens)
{
    /// <summary>Most tokens of a text without an instruction, <c>&lt;bos&gt;</c> included; with one, most positions that are kept.</summary>
    public const int MaxPlain = 300;

    /// <summary>The prompt was truncated.</summary>
    public bool Truncated => UncutTokens > Ids.Length;

    /// <summary>How many positions are kept, 1…300.</summary>
    public int KeptCount => 1 + Math.Max(0, Ids.Length - FirstKept);

    /// <summary>The kept positions in order: 0, then <see cref="FirstKept"/> to the end.</summary>
    public int[] KeptPositions() => [0, .. Enumerable.Range(FirstKept, KeptCount - 1)];

    /// <summary>A text without an instruction (every negative prompt): cleaned, at most 300 tokens, every position kept.</summary>
    /// <exception cref="InferenceException">The text is longer than 1,000,000 characters.</exception>
    public static TextTokens Plain(GemmaTokenizer tokenizer, string prompt)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        var ids = tokenizer.Encode(PromptCleaner.Clean(prompt), MaxPlain, out var uncut);
        return new TextTokens(ids, FirstKept: 1, SharedPrefix: 0, uncut);
    }
}
