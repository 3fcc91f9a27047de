using System.Numerics.Tensors;
using Microsoft.ML.OnnxRuntime;
using Sana.Inference.Runtime;

namespace Sana.Inference.Text;

/// <summary>
/// Writes a more detailed prompt with the text encoder itself: Gemma-2 goes on after the instruction and the prompt, the likeliest token each time. One prompt at a time, so its text does not depend on a batch.
/// </summary>
/// <param name="encoder">Of the checkpoint; stays the caller's.</param>
/// <param name="tokenizer">Of the checkpoint.</param>
/// <param name="load">Loads the graph of the head when a prompt first needs it.</param>
internal sealed class PromptEnhancer(TextEncoder encoder, GemmaTokenizer tokenizer, Func<OnnxModel> load) : IDisposable
{
    /// <summary>The most words of an enhanced prompt.</summary>
    public const int MostWords = 77;

    /// <summary>The most tokens that are written for one, as many as the network reads of a prompt.</summary>
    public const int MostTokens = TextTokens.MaxPlain;

    // The examples of the published instruction have it between the prompt of a user and the enhanced one.
    private const string Answer = " -> Enhanced:";

    // Rows of the head of one run: with 2,304 numbers a row they take 151 MB, and the whole head 2.4 GB.
    private const int RowsOfRun = 16_384;

    private readonly Lazy<OnnxModel> _head = new(load, LazyThreadSafetyMode.PublicationOnly); // a failed load is tried again
    private readonly HashSet<int> _ends = Ends(tokenizer);

    /// <summary>The enhanced prompt; the prompt itself where the network wrote nothing that can be used.</summary>
    /// <param name="instruction">Of the checkpoint.</param>
    /// <param name="prefix">Runs so many of the instruction's first tokens, once for all prompts.</param>
    /// <param name="prompt">Words that separate turns are taken out of it before it is read.</param>
    /// <param name="cancellationToken">Stops between two nodes of a network.</param>
    public string Enhance(ComplexHumanInstruction instruction, Func<int, TextEncoder.Prefix> prefix, string prompt, CancellationToken cancellationToken)
    {
        if (string.IsNullOrWhiteSpace(prompt))
            return prompt;
        var ids = Question(instruction, prompt);
        // As much of the instruction as the encoder remembers for plain prompts too.
        var isShared = ids.Length >= instruction.Tokens && ids.AsSpan().CommonPrefixLength(instruction.Ids) >= instruction.Tokens - 1 && instruction.Tokens > 1;
        var written = Written(isShared ? prefix(instruction.Tokens - 1) : null, ids, cancellationToken);
        return Text(tokenizer.Decode([.. written]), isCut: written.Count == MostTokens) is { Length: > 0 } text ? text : prompt;
    }

    /// <summary>The tokens that the network writes after others.</summary>
    /// <param name="prefix">The first of the ids, run before; stays the caller's. Null for none.</param>
    /// <param name="ids">What it goes on after.</param>
    /// <param name="cancellationToken">Stops between two nodes of a network.</param>
    internal List<int> Written(TextEncoder.Prefix? prefix, ReadOnlySpan<int> ids, CancellationToken cancellationToken)
    {
        var written = new List<int>();
        var state = encoder.Continue(prefix, ids[(prefix?.Ids.Length ?? 0)..], cancellationToken);
        try
        {
            while (Next(state.Hidden, cancellationToken) is { } id && !_ends.Contains(id) && tokenizer.Has(id))
            {
                written.Add(id);
                if (written.Count == MostTokens || IsWhole(tokenizer.Decode([.. written])))
                    break;
                var next = encoder.Continue(state, [id], cancellationToken);
                state.Dispose();
                state = next;
            }
        }
        finally
        {
            state.Dispose();
        }

        return written;
    }

    public void Dispose()
    {
        if (_head.IsValueCreated)
            _head.Value.Dispose();
    }

    /// <summary>What the network goes on after.</summary>
    internal int[] Question(ComplexHumanInstruction instruction, string prompt)
    {
        var ids = instruction.Encode(TurnWords.RemovedFrom(prompt)).Ids;
        return instruction.Text.Contains(Answer, StringComparison.Ordinal) ? [.. ids, .. tokenizer.EncodeBare(Answer)] : ids;
    }

    /// <summary>The enhanced prompt in what was written: up to the first line end or other control character, at most 77 words.</summary>
    /// <param name="written">By the network.</param>
    /// <param name="isCut">Whether it could have gone on: then a last word may be half of one and is left out, unless it is the only one.</param>
    internal static string Text(string written, bool isCut)
    {
        var end = IndexOfControl(written);
        var words = (end < 0 ? written : written[..end]).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        var isHalf = isCut && end < 0 && words.Length is > 1 and <= MostWords && !char.IsWhiteSpace(written[^1]);
        return string.Join(' ', words.Take(Math.Min(MostWords, words.Length - (isHalf ? 1 : 0))));
    }

    // A word more than there may be, or the end of the line.
    private static bool IsWhole(string written) =>
        IndexOfControl(written) >= 0 || written.Split((char[]?)null, MostWords + 1, StringSplitOptions.RemoveEmptyEntries).Length > MostWords;

    private static int IndexOfControl(string text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            if (char.IsControl(text[i]) && text[i] != '\t')
                return i;
        }

        return -1;
    }

    private static HashSet<int> Ends(GemmaTokenizer tokenizer)
    {
        var ends = TurnWords.All.Concat(["<bos>", "<eos>", "<pad>"]).Select(word => tokenizer.EncodeBare(word)).Where(ids => ids.Count == 1).Select(ids => ids[0]).ToHashSet();
        if (tokenizer.EndId is { } end)
            ends.Add(end);
        return ends;
    }

    // The likeliest token after the last; of equal ones the first. Null where a number is not finite. The soft cap of the logits leaves their order as it is.
    private int? Next(FloatTensor hidden, CancellationToken cancellationToken)
    {
        var width = (int)hidden.Shape[1];
        using var last = OrtValue.CreateTensorValueFromMemory(hidden.Data.AsSpan(hidden.Data.Length - width).ToArray(), [1, width]);
        var (best, highest) = (-1, float.NegativeInfinity);
        for (var first = 0; first < encoder.VocabularySize; first += RowsOfRun)
        {
            long[] ids = [.. Enumerable.Range(first, Math.Min(RowsOfRun, encoder.VocabularySize - first)).Select(id => (long)id)];
            using var input = OrtValue.CreateTensorValueFromMemory(ids, [ids.Length]);
            using var outputs = _head.Value.Run([("hidden_states", last), ("input_ids", input)], ["logits"], cancellationToken);
            var logits = outputs[0].GetTensorDataAsSpan<float>(); // [1, rows]
            var at = TensorPrimitives.IndexOfMax(logits); // if some logit is not a number, the first of these
            if (!float.IsFinite(logits[at]))
                return null;
            if (logits[at] > highest)
                (best, highest) = (first + at, logits[at]);
        }

        return best;
    }
}

/// <summary>The words that separate the turns of a talk with Gemma.</summary>
internal static class TurnWords
{
    public static IReadOnlyList<string> All { get; } = ["<start_of_turn>", "<end_of_turn>"];

    /// <summary>A text without them: it cannot end its own turn.</summary>
    public static string RemovedFrom(string text)
    {
        // What is left of one inside another may be one again.
        for (var before = -1; before != text.Length;)
        {
            before = text.Length;
            text = All.Aggregate(text, (rest, word) => rest.Replace(word, "", StringComparison.Ordinal));
        }

        return text;
    }
}
