namespace Sana.GraphBuilder.Configs;

/// <summary>
/// text_encoder/config.json of a Sana checkpoint (Gemma2Model, or Gemma2ForCausalLM without its head), or config.json of a Gemma2ForCausalLM whose head is its embedding. Defaults are those of gemma-2-2b.
/// </summary>
internal sealed record Gemma2Config
{
    public required int VocabSize { get; init; }
    public required int HiddenSize { get; init; }
    public required int IntermediateSize { get; init; }
    public required int NumHiddenLayers { get; init; }
    public required int NumAttentionHeads { get; init; }

    /// <summary>Each serves NumAttentionHeads / NumKeyValueHeads consecutive query heads.</summary>
    public required int NumKeyValueHeads { get; init; }
    public required int HeadDim { get; init; }

    /// <summary>Queries are scaled by this number to the power −0.5.</summary>
    public required double QueryPreAttnScalar { get; init; }

    /// <summary>c of c·tanh(scores/c); null leaves the scores as they are.</summary>
    public required double? AttnLogitSoftcapping { get; init; }

    /// <summary>c of c·tanh(logits/c) of the head; null leaves them as they are, and where there is no head.</summary>
    public double? FinalLogitSoftcapping { get; init; }
    public required double RmsNormEps { get; init; }
    public required double RopeTheta { get; init; }
    public required int MaxPositionEmbeddings { get; init; }

    /// <summary>Tokens that a sliding layer sees, its own included.</summary>
    public required int SlidingWindow { get; init; }

    /// <summary>For each layer whether it sees only <see cref="SlidingWindow"/> tokens.</summary>
    public required bool[] SlidingLayers { get; init; }
    public int QueryWidth => NumAttentionHeads * HeadDim;
    public int KeyValueWidth => NumKeyValueHeads * HeadDim;

    // Of the head, which is left out, and what older files hold beside hidden_activation and sliding_window, which are read.
    private static readonly string[] _harmless = [.. TransformersFields.HarmlessWithoutText, "final_logit_softcapping", "tie_word_embeddings", "hidden_act", "sliding_window_size"];

    /// <exception cref="CheckpointException">A value is out of range, or asks for a form of the network that is not built here.</exception>
    /// <param name="configFile">The file.</param>
    /// <param name="hasHead">Whether the head is used: then it must be the embedding.</param>
    public static Gemma2Config Load(string configFile, bool hasHead = false)
    {
        var json = JsonConfig.Load(configFile);
        if (hasHead)
            json.Only("tie_word_embeddings", true);
        json.Word("model_type", "gemma2", "gemma2");
        json.Word("hidden_activation", "gelu_pytorch_tanh", "gelu_pytorch_tanh");
        json.Only("attention_bias", false);
        json.Only("use_bidirectional_attention", false);
        var theta = RopeBase(json);

        var layers = json.Integer("num_hidden_layers", 1, 512, 26);
        var config = new Gemma2Config
        {
            VocabSize = json.Integer("vocab_size", 1, 2_000_000, 256_000),
            HiddenSize = json.Integer("hidden_size", 1, 65_536, 2_304),
            IntermediateSize = json.Integer("intermediate_size", 1, 1_048_576, 9_216),
            NumHiddenLayers = layers,
            NumAttentionHeads = json.Integer("num_attention_heads", 1, 1_024, 8),
            NumKeyValueHeads = json.Integer("num_key_value_heads", 1, 1_024, 4),
            HeadDim = json.Integer("head_dim", 2, 1_024, 256),
            QueryPreAttnScalar = json.Number("query_pre_attn_scalar", 1e-6, 1e9, 256),
            AttnLogitSoftcapping = json.NumberOrNull("attn_logit_softcapping", 1e-6, 1e9, missing: 50),
            FinalLogitSoftcapping = hasHead ? json.NumberOrNull("final_logit_softcapping", 1e-6, 1e9, missing: 30) : null,
            RmsNormEps = json.Number("rms_norm_eps", 0, 1, 1e-6),
            RopeTheta = theta,
            MaxPositionEmbeddings = json.Integer("max_position_embeddings", 1, 16_777_216, 8_192),
            SlidingWindow = json.Integer("sliding_window", 1, 16_777_216, 4_096),
            SlidingLayers = json.Has("layer_types")
                ? [.. json.Words("layer_types", layers, null, "sliding_attention", "full_attention").Select(type => type == "sliding_attention")]
                : [.. Enumerable.Range(0, layers).Select(layer => layer % 2 == 0)],
        };

        if (config.QueryWidth > 65_536)
            throw json.Wrong("num_attention_heads", $"at most {65_536 / config.HeadDim} with head_dim {config.HeadDim}");
        if (config.NumAttentionHeads % config.NumKeyValueHeads != 0)
            throw json.Wrong("num_key_value_heads", $"a divisor of num_attention_heads {config.NumAttentionHeads}");
        json.RefuseOthers(_harmless);
        return config.HeadDim % 2 == 0 ? config : throw json.Wrong("head_dim", "even, because rotary positions turn pairs");
    }

    // In the config itself, in rope_parameters, or there once for each type of layer; rope_scaling is the older name of the object.
    private static double RopeBase(JsonConfig json)
    {
        const string full = "full_attention", sliding = "sliding_attention";
        var old = json.Section("rope_scaling");
        if (json.Has("rope_scaling") && !old.Says("rope_type", "default") && !old.Says("type", "default"))
            throw json.Wrong("rope_scaling", "null, the only form that is supported");
        var rope = json.Has("rope_parameters") ? json.Section("rope_parameters") : old;
        var own = json.Number("rope_theta", 1, 1e12, 10_000);
        if (!rope.HasSection(full) && !rope.HasSection(sliding))
            return Base(rope);
        rope.RefuseOthers(full, sliding);
        var (first, second) = (Base(rope.Section(full)), Base(rope.Section(sliding)));
        return first == second ? first : throw json.Wrong("rope_parameters", "the same for full_attention and sliding_attention");

        double Base(JsonConfig from)
        {
            from.Word("rope_type", "default", "default");
            from.Word("type", "default", "default");
            from.Number("partial_rotary_factor", 1, 1, 1);
            var theta = from.Number("rope_theta", 1, 1e12, own);
            from.RefuseOthers();
            return theta;
        }
    }
}

/// <summary>The tensors of Gemma2Model in forward order, without the <c>model.</c> of a causal model's file.</summary>
internal static class Gemma2Tensors
{
    public static IEnumerable<ExpectedTensor> All(Gemma2Config config) =>
        Enumerable.Repeat(new ExpectedTensor("embed_tokens.weight", config.VocabSize, config.HiddenSize), 1)
            .Concat(Enumerable.Range(0, config.NumHiddenLayers).SelectMany(layer => Layer(config, $"layers.{layer}")))
            .Append(new("norm.weight", config.HiddenSize));

    private static ExpectedTensor[] Layer(Gemma2Config config, string name)
    {
        var (d, h, q, kv) = (config.HiddenSize, config.IntermediateSize, config.QueryWidth, config.KeyValueWidth);
        return
        [
            new($"{name}.input_layernorm.weight", d),
            new($"{name}.self_attn.q_proj.weight", q, d),
            new($"{name}.self_attn.k_proj.weight", kv, d),
            new($"{name}.self_attn.v_proj.weight", kv, d),
            new($"{name}.self_attn.o_proj.weight", d, q),
            new($"{name}.post_attention_layernorm.weight", d),
            new($"{name}.pre_feedforward_layernorm.weight", d),
            new($"{name}.mlp.gate_proj.weight", h, d),
            new($"{name}.mlp.up_proj.weight", h, d),
            new($"{name}.mlp.down_proj.weight", d, h),
            new($"{name}.post_feedforward_layernorm.weight", d),
        ];
    }
}
