namespace Sana.GraphBuilder.Configs;

/// <summary>The <c>decoder</c> of an image captioner: GPT-2 with cross attention (GPT2LMHeadModel). Defaults are those of the smallest published one.</summary>
internal sealed record Gpt2Config
{
    /// <summary>Of both networks: <c>gelu</c> is exact (erf), <c>gelu_new</c> and <c>gelu_pytorch_tanh</c> are the same approximation.</summary>
    public static readonly string[] Activations = ["gelu", "gelu_new", "gelu_pytorch_tanh", "relu"];

    public required int VocabSize { get; init; }

    /// <summary>Longest text in tokens, the start token included.</summary>
    public required int NPositions { get; init; }
    public required int NEmbd { get; init; }
    public required int NLayer { get; init; }
    public required int NHead { get; init; }

    /// <summary>Width inside the MLP, four times the other unless the file says otherwise.</summary>
    public required int NInner { get; init; }
    public required string ActivationFunction { get; init; }
    public required double LayerNormEpsilon { get; init; }

    /// <summary>Whether the output head may share the embedding's weights.</summary>
    public required bool TieWordEmbeddings { get; init; }

    public int HeadDim => NEmbd / NHead;

    /// <exception cref="CheckpointException">A value is out of range, or asks for a form of the network that is not built here.</exception>
    public static Gpt2Config Load(JsonConfig json)
    {
        json.Word("model_type", null, "gpt2");
        json.Only("add_cross_attention", true);
        json.Only("scale_attn_weights", true);
        json.Only("scale_attn_by_inverse_layer_idx", false);
        var width = json.Integer("n_embd", 1, 65_536, 768);
        var config = new Gpt2Config
        {
            VocabSize = json.Integer("vocab_size", 1, 2_000_000, 50_257),
            NPositions = json.Integer("n_positions", 2, 65_536, 1_024),
            NEmbd = width,
            NLayer = json.Integer("n_layer", 1, 512, 12),
            NHead = json.Integer("n_head", 1, 1_024, 12),
            NInner = json.Integer("n_inner", 1, 1_048_576, 4 * width),
            ActivationFunction = json.Word("activation_function", "gelu_new", Activations),
            LayerNormEpsilon = json.Number("layer_norm_epsilon", 0, 1, 1e-5),
            TieWordEmbeddings = json.Flag("tie_word_embeddings", true),
        };

        return config.NEmbd % config.NHead == 0 ? config : throw json.Wrong("n_head", $"a divisor of n_embd {config.NEmbd}");
    }
}
