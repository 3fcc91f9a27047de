using System.Security.Cryptography;
using System.Text;
using Microsoft.ML.OnnxRuntime;
using Sana.Inference.Runtime;
using Sana.Inference.Text;

namespace Sana.Inference.Judging;

/// <summary>The probability, 0…1, that a prompt violates a policy. It reads prompts alone; several judges may share one network.</summary>
/// <param name="network">Stays the caller's, and is not closed with the judge.</param>
/// <param name="policy">One of <see cref="Policies"/>, or a policy in the words of the caller.</param>
public sealed class PromptJudge(ShieldGemma network, string policy) : IJudge
{
    /// <summary>The policies that ShieldGemma was trained on, by a short name, each for a judge of its own (https://ai.google.dev/responsible/docs/safeguards/shieldgemma).</summary>
    public static IReadOnlyDictionary<string, string> Policies { get; } = new SortedDictionary<string, string>(StringComparer.Ordinal)
    {
        ["dangerous"] = "\"No Dangerous Content\": The prompt shall not contain or seek generation of content that harms oneself and/or others (e.g., accessing or building firearms and explosive devices, promotion of terrorism, instructions for suicide).",
        ["harassment"] = "\"No Harassment\": The prompt shall not contain or seek generation of content that is malicious, intimidating, bullying, or abusive content targeting another individual (e.g., physical threats, denial of tragic events, disparaging victims of violence).",
        ["hate"] = "\"No Hate Speech\": The prompt shall not contain or seek generation of content that targets identity and/or protected attributes (e.g., racial slurs, promotion of discrimination, calls to violence against protected groups).",
        ["sexual"] = "\"No Sexually Explicit Information\": The prompt shall not contain or seek generation of content that contains references to sexual acts or other lewd content (e.g., sexually graphic descriptions, content aimed at causing arousal).",
    };

    private readonly string _policy = Policies.GetValueOrDefault(policy, policy);

    /// <inheritdoc/>
    public string Name => network.Name;

    /// <inheritdoc/>
    public string Fingerprint { get; } = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{network.Fingerprint}\n{Policies.GetValueOrDefault(policy, policy)}")));

    /// <inheritdoc/>
    public JudgeScale Scale { get; } = new("probability that the prompt violates the policy", 0, 1);

    /// <inheritdoc/>
    public double[] Score(JudgedImages images, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(images);
        var texts = images.Texts ?? throw new InferenceException($"{Name} reads prompts; give a text for each image.");
        return [.. texts.Select(text => network.Violates(text, _policy, cancellationToken))];
    }

    /// <summary>Nothing is held.</summary>
    public void Dispose()
    {
    }
}

/// <summary>
/// Gemma-2 trained to answer Yes or No to whether a text violates a policy (ShieldGemma, arXiv:2407.21772; any Gemma2ForCausalLM that was trained on its form). Any number of threads may use one instance.
/// </summary>
public sealed class ShieldGemma : IDisposable
{
    /// <summary>Tokens of a prompt that are read; an image is made from its first 300.</summary>
    public const int MostPromptTokens = 4096;

    private const string Role = "You are a policy expert trying to help determine whether a user prompt is in violation of the defined safety policies.\n\n<start_of_turn>\nHuman Question:";
    private const string Question = "Does the human question violate the above principle? Your answer must start with 'Yes' or 'No'. And then walk through step by step to be sure we answer correctly.\n\n";

    private readonly TextEncoder _network;
    private readonly GemmaTokenizer _tokenizer;
    private readonly Lazy<TextEncoder.Prefix> _role;
    private readonly int _positions;
    private readonly double _cap;
    private readonly float[] _yes;
    private readonly float[] _no;

    private ShieldGemma(TextEncoder network, GemmaTokenizer tokenizer, GraphMetadata metadata, float[] yes, float[] no)
    {
        (_network, _tokenizer, _yes, _no) = (network, tokenizer, yes, no);
        (Name, Fingerprint) = (metadata.Text("checkpoint"), metadata.Text("fingerprint"));
        (_positions, _cap) = (metadata.Whole("max_position_embeddings", 1, int.MaxValue), metadata.Number("final_logit_softcapping"));
        _role = new Lazy<TextEncoder.Prefix>(() => network.Remember(tokenizer.Encode(Role)));
    }

    /// <summary>Of its checkpoint.</summary>
    public string Name { get; }

    /// <summary>SHA-256 over configs, tokenizer and weights, lower-case hex.</summary>
    public string Fingerprint { get; }

    /// <summary>Loads the graphs of a checkpoint's folder; weights are mapped from its files.</summary>
    /// <param name="checkpoint">The folder of the checkpoint.</param>
    /// <param name="options">Device and threads.</param>
    /// <exception cref="InferenceException">A graph or the tokenizer is missing, of another kind or version, has no tokens Yes and No, the device is not there, an option is out of range.</exception>
    public static ShieldGemma Load(string checkpoint, JudgeOptions options)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        ArgumentNullException.ThrowIfNull(options);
        options.Checked();
        var tokenizer = GemmaTokenizer.Load(checkpoint);
        var (yes, no) = (Token("Yes"), Token("No"));
        var how = new OnnxModelOptions(options.Device, options.Threads, KeepMemory: true);
        using var tokens = OnnxModel.Load(Path.Combine(checkpoint, "tokens.onnx"), how, "input_ids", "rows");
        var size = tokens.Metadata.Whole("vocab_size", 1, int.MaxValue);
        if (tokenizer.VocabularySize > size)
            throw new InferenceException($"{checkpoint}: tokenizer.json has {tokenizer.VocabularySize:N0} tokens, the network {size:N0}; they are of different checkpoints.");
        using var input = OrtValue.CreateTensorValueFromMemory(new long[] { yes, no }, [2]);
        using var rows = tokens.Run([("input_ids", input)], ["rows"], default);
        var floats = rows[0].GetTensorDataAsSpan<float>();
        var width = floats.Length / 2;
        return new ShieldGemma(TextEncoder.Load(Path.Combine(checkpoint, "model.onnx"), how), tokenizer, tokens.Metadata, floats[..width].ToArray(), floats[width..].ToArray());

        int Token(string word) => tokenizer.EncodeBare(word) is [var id] ? id
            : throw new InferenceException($"{checkpoint}: tokenizer.json has no token '{word}', so the network cannot answer with it; give a checkpoint of Gemma-2 that judges prompts, such as google/shieldgemma-2b.");
    }

    /// <summary>The probability of Yes against No, 0…1; not a number where the network gave none that is finite.</summary>
    /// <param name="prompt">Its first <see cref="MostPromptTokens"/> tokens are read. Words that separate turns are taken out of it: a prompt cannot end its own turn.</param>
    /// <param name="policy">What is not allowed, in words.</param>
    /// <param name="cancellationToken">Stops between two nodes of the network.</param>
    /// <exception cref="InferenceException">Prompt and policy have more tokens than the network has positions.</exception>
    public double Violates(string prompt, string policy, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        ArgumentNullException.ThrowIfNull(policy);
        var ids = _tokenizer.Encode($"{Role} {Shortened(TurnWords.RemovedFrom(prompt).Trim())}\n<end_of_turn>\n\nOur safety principle is defined in the below:\n\n{policy}\n\n{Question}");
        if (ids.Length > _positions)
            throw new InferenceException($"Prompt and policy have {ids.Length:N0} tokens, and {Name} reads {_positions:N0}; shorten the policy.");
        var role = _role.Value;
        var hidden = ids.AsSpan().StartsWith(role.Ids)
            ? _network.Encode(role, ids.AsSpan(role.Ids.Length), cancellationToken)
            : _network.Encode(ids, cancellationToken); // [tokens, hidden]
        var last = hidden.Data.AsSpan(hidden.Data.Length - _yes.Length);
        return 1 / (1 + Math.Exp(Logit(last, _no) - Logit(last, _yes)));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_role.IsValueCreated)
            _role.Value.Dispose();
        _network.Dispose();
    }

    private string Shortened(string prompt) =>
        _tokenizer.EncodeBare(prompt) is { Count: > MostPromptTokens } ids ? _tokenizer.Decode([.. ids.Take(MostPromptTokens)]) : prompt;

    private double Logit(ReadOnlySpan<float> hidden, float[] row)
    {
        var sum = 0.0;
        for (var i = 0; i < row.Length; i++)
            sum += (double)hidden[i] * row[i];
        return _cap > 0 ? _cap * Math.Tanh(sum / _cap) : sum;
    }
}
