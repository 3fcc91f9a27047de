using Sana.Inference.Text;

namespace Sana.Inference.Clip;

/// <summary>How the text tower of a family is given a text: its ids, and the tokens around them.</summary>
internal sealed record ScorerTokens
{
    /// <summary>Ids that one run of the tower holds.</summary>
    public required int ContextLength { get; init; }

    /// <summary>Highest id + 1.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>The id before every text; null where there is none.</summary>
    public required int? StartId { get; init; }

    /// <summary>The id after every text, also after one that is cut.</summary>
    public required int EndId { get; init; }

    /// <summary>What follows the end token.</summary>
    public required int PadId { get; init; }

    /// <summary>Whether the tower reads the padding, so that a text is always padded to the whole context; else only to the longest text beside it.</summary>
    public required bool IsPaddingRead { get; init; }

    /// <summary>All ids of a text, start and end token included.</summary>
    public required Func<string, List<int>> Encode { get; init; }

    /// <summary>CLIP's: attention is causal and the first end token is read, so what is behind it changes nothing.</summary>
    public static ScorerTokens Clip(string checkpoint)
    {
        var tokenizer = ClipTokenizer.Load(checkpoint);
        return new ScorerTokens
        {
            ContextLength = tokenizer.ContextLength,
            VocabularySize = tokenizer.VocabularySize,
            StartId = tokenizer.StartId,
            EndId = tokenizer.EndId,
            PadId = tokenizer.EndId,
            IsPaddingRead = false,
            Encode = tokenizer.EncodeUncut,
        };
    }

    /// <summary>
    /// SigLIP 2's: Gemma's vocabulary, the text in lower case, an end token and no start token whatever the files say, padded on the right to every place; the
    /// tower has no mask and its last place is read.
    /// </summary>
    /// <param name="checkpoint">The folder of the checkpoint.</param>
    /// <param name="positions">Places of the text tower.</param>
    /// <exception cref="InferenceException">The tokenizer cannot be read, has no end token, or is for fewer places.</exception>
    public static ScorerTokens Siglip(string checkpoint, int positions)
    {
        var tokenizer = GemmaTokenizer.Load(checkpoint);
        var end = tokenizer.EndId
            ?? throw new InferenceException($"The tokenizer of {checkpoint} has no token for the end of a text (\"eos_token\"); use the one that belongs to it.");
        if (CheckpointFile.ReadSettings(Path.Combine(checkpoint, "tokenizer_config.json"))?.Find("model_max_length") is { } most && most.Number() < positions)
        {
            throw most.Refuse(
                $"is {most.Number()}, but the text tower reads all of its {positions} places", "use the tokenizer_config.json that belongs to the weights");
        }

        return new ScorerTokens
        {
            ContextLength = positions,
            VocabularySize = tokenizer.VocabularySize,
            StartId = null,
            EndId = end,
            PadId = tokenizer.PadId,
            IsPaddingRead = true,
            Encode = text => [.. tokenizer.EncodeBare(Shortened(PromptCleaner.Lower(text))), end],
        };

        // The lower case of İ is longer than it.
        static string Shortened(string text) => text.Length <= UnicodeText.MaxLength ? text : text[..UnicodeText.MaxLength];
    }
}

/// <summary>
/// The ids of a text without padding, cut into windows where the context does not hold all of them. There are as few windows as cover the text, all full and
/// evenly spaced; each has the start token, where there is one, and the end token. The first window is the truncated text, which the score is of.
/// </summary>
/// <param name="Windows">Ids of each window; one when nothing is cut.</param>
/// <param name="Tokens">Ids of the whole text, start and end token included.</param>
internal sealed record ClipWindows(IReadOnlyList<int[]> Windows, int Tokens)
{
    /// <summary>They cover some 4,800 tokens, or 4,000 of SigLIP; in a longer text there are gaps between them.</summary>
    public const int MaxWindows = 64;

    public bool Truncated => Windows.Count > 1;

    public static ClipWindows Split(string text, ScorerTokens tokens)
    {
        // A caption never has a million characters. The rest is ignored, so that one such text does not fail the others.
        var ids = tokens.Encode(text.Length <= UnicodeText.MaxLength ? text : text[..UnicodeText.MaxLength]);
        return new ClipWindows(Cut(ids, tokens.ContextLength, tokens.StartId, tokens.EndId), ids.Count);
    }

    /// <param name="ids">Start token if there is one, text, end token.</param>
    /// <param name="context">Ids that a window holds.</param>
    /// <param name="start">The start token; null for none.</param>
    /// <param name="end">The end token.</param>
    internal static int[][] Cut(List<int> ids, int context, int? start, int end)
    {
        if (ids.Count <= context)
            return [[.. ids]];

        int[] before = start is { } id ? [id] : [];
        var (text, room) = (ids.Count - before.Length - 1, Math.Max(context - before.Length - 1, 1));
        var count = Math.Min((text + room - 1) / room, MaxWindows);
        return [.. Enumerable.Range(0, count).Select(i =>
        {
            var from = count == 1 ? 0 : (int)((long)i * (text - room) / (count - 1));
            return (int[])[.. before, .. ids.GetRange(before.Length + from, room), end];
        })];
    }
}
