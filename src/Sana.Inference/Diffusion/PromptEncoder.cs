using Sana.Inference.Runtime;
using Sana.Inference.Text;

namespace Sana.Inference.Diffusion;

/// <summary>Prompts to the embeddings that the transformer reads: cleaning, instruction, tokens, encoder, selection. Recent prompts are cached.</summary>
internal sealed class PromptEncoder : IDisposable
{
    private readonly GemmaTokenizer _tokenizer;
    private readonly Lazy<ComplexHumanInstruction?> _instruction;
    private readonly TextEncoder _encoder;
    private readonly int _capacity;
    private readonly Dictionary<(string Prompt, bool UseInstruction), Encoded> _recent = [];
    private readonly Queue<(string Prompt, bool UseInstruction)> _order = [];
    private readonly PromptEnhancer? _enhancer;
    private TextEncoder.Prefix? _prefix;

    /// <param name="tokenizer">Of the checkpoint.</param>
    /// <param name="instruction">Of the checkpoint; read when a prompt first needs it, so that a checkpoint without one works if nothing needs it.</param>
    /// <param name="encoder">Owned by this instance.</param>
    /// <param name="capacity">Prompts to cache.</param>
    /// <param name="head">Loads the head with which the encoder writes prompts. Default none: it only reads them.</param>
    public PromptEncoder(GemmaTokenizer tokenizer, Func<ComplexHumanInstruction?> instruction, TextEncoder encoder, int capacity, Func<OnnxModel>? head = null)
    {
        _enhancer = head is null ? null : new PromptEnhancer(encoder, tokenizer, head);
        _tokenizer = tokenizer;
        _instruction = new Lazy<ComplexHumanInstruction?>(instruction);
        _encoder = encoder;
        _capacity = capacity;
    }

    /// <summary>A prompt's embeddings [tokens, channels], and whether the prompt was cut to fit 300 tokens.</summary>
    internal sealed record Encoded(FloatTensor Embeddings, bool Truncated);

    public Encoded Encode(string prompt, bool useInstruction, CancellationToken cancellationToken = default)
    {
        var key = (prompt, useInstruction);
        if (_recent.TryGetValue(key, out var known))
            return known;

        var (tokens, instruction) = Tokens(prompt, useInstruction);
        var encoded = new Encoded(Embed(tokens, instruction, cancellationToken), tokens.Truncated);
        Keep(key, encoded);
        return encoded;
    }

    /// <summary>A more detailed prompt, which the encoder writes itself; the prompt where it wrote nothing that can be used.</summary>
    /// <exception cref="InferenceException">The checkpoint has no instruction, or no head to write with.</exception>
    public string Enhance(string prompt, CancellationToken cancellationToken = default)
    {
        if (_enhancer is null)
            throw new InferenceException("This pipeline was loaded without the head of its text encoder, which enhanced prompts need.");
        var instruction = _instruction.Value ?? throw new InferenceException("The checkpoint has no instruction (complex_human_instruction.json is empty), and prompts are enhanced by it; leave enhance_prompt out.");
        return _enhancer.Enhance(instruction, count => _prefix ??= _encoder.Remember(instruction.Ids.AsSpan(0, count), cancellationToken), prompt, cancellationToken);
    }

    /// <summary>How long a prompt is. Any number of threads may ask.</summary>
    public PromptLength Measure(string prompt, bool useInstruction)
    {
        var (tokens, instruction) = Tokens(prompt, useInstruction);
        return instruction is null
            ? new PromptLength(tokens.UncutTokens, TextTokens.MaxPlain)
            : new PromptLength(tokens.UncutTokens - instruction.Tokens, instruction.MaxTokens - instruction.Tokens);
    }

    private (TextTokens Tokens, ComplexHumanInstruction? Instruction) Tokens(string prompt, bool useInstruction)
    {
        var instruction = useInstruction ? _instruction.Value : null;
        return (instruction?.Encode(prompt) ?? TextTokens.Plain(_tokenizer, prompt), instruction);
    }

    /// <summary>The kept hidden states [kept tokens, channels]. The instruction's keys and values come from the cache, unless the prompt changed the instruction's tokens.</summary>
    internal FloatTensor Embed(TextTokens tokens, ComplexHumanInstruction? instruction, CancellationToken cancellationToken = default)
    {
        if (instruction is null || tokens.SharedPrefix < tokens.FirstKept)
            return Select(_encoder.Encode(tokens.Ids, cancellationToken), tokens);

        _prefix ??= _encoder.Remember(instruction.Ids.AsSpan(0, tokens.FirstKept), cancellationToken);
        var rest = _encoder.Encode(_prefix, tokens.Ids.AsSpan(tokens.FirstKept), cancellationToken); // [kept - 1, channels]
        var channels = (int)rest.Shape[1];
        return new FloatTensor([.. _prefix.Hidden.Data.AsSpan(0, channels), .. rest.Data], tokens.KeptCount, channels);
    }

    public void Dispose()
    {
        _enhancer?.Dispose();
        _prefix?.Dispose();
        _encoder.Dispose();
    }

    private static FloatTensor Select(FloatTensor hidden, TextTokens tokens)
    {
        var channels = (int)hidden.Shape[1];
        var cut = hidden.Data.Length - ((tokens.KeptCount - 1) * channels); // position 0 and the last ones: a prompt may merge with the instruction into fewer tokens than the instruction has
        return tokens.KeptCount == hidden.Shape[0]
            ? hidden
            : new FloatTensor([.. hidden.Data.AsSpan(0, channels), .. hidden.Data.AsSpan(cut)], tokens.KeptCount, channels);
    }

    private void Keep((string Prompt, bool UseInstruction) key, Encoded encoded)
    {
        if (_capacity == 0)
            return;

        while (_order.Count >= _capacity)
            _recent.Remove(_order.Dequeue());

        _recent[key] = encoded;
        _order.Enqueue(key);
    }
}
