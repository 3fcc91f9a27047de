using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TinySana.Networks;

/// <summary>Sizes of a captioner. Encoder and decoder have the same width, so there is no projection between them.</summary>
/// <param name="Vision">The encoder.</param>
/// <param name="DecoderLayers">Layers of the decoder.</param>
/// <param name="Vocabulary">Number of token ids.</param>
/// <param name="Positions">Longest caption in tokens, the start token included.</param>
internal sealed record CaptionerSizes(VisionSizes Vision, int DecoderLayers, int Vocabulary, int Positions)
{
    public TransformerSizes Decoder => new(Vision.Width, DecoderLayers, Vision.Heads);
}

/// <summary>An image captioner: transformers' VisionEncoderDecoderModel of ViT and GPT-2, with their tensor names.</summary>
internal sealed class CaptionerModule : CheckpointModule
{
    private readonly Vit _encoder;
    private readonly Gpt2 _decoder;

    public CaptionerModule(CaptionerSizes sizes)
        : base(nameof(CaptionerModule))
    {
        Sizes = sizes;
        _encoder = new Vit(this, "encoder", sizes.Vision);
        _decoder = new Gpt2(this, sizes.Decoder, sizes.Vocabulary, sizes.Positions);
    }

    public CaptionerSizes Sizes { get; }

    /// <summary>Normalised pixels [b, 3, side, side] to states [b, 1 + n, d].</summary>
    public Tensor Encode(Tensor pixels) => _encoder.Forward(pixels);

    /// <summary>Token ids [b, s] and states [b, 1 + n, d] to the logits of the next tokens [b, s, vocab].</summary>
    public Tensor Decode(Tensor ids, Tensor states) => _decoder.Forward(ids, states);
}

/// <summary>The vision transformer (arXiv:2010.11929; transformers' ViTModel without its pooler), with its tensor names behind a prefix.</summary>
internal sealed class Vit
{
    private readonly PatchProjection _projection;
    private readonly Parameter _first;
    private readonly Parameter _positions;
    private readonly EncoderLayer[] _layers;
    private readonly LayerNorm _norm;

    public Vit(CheckpointModule owner, string prefix, VisionSizes sizes)
    {
        var embeddings = $"{prefix}.embeddings";
        _projection = owner.At($"{embeddings}.patch_embeddings.projection", new PatchProjection(sizes.Width, sizes.Patch, bias: true));
        _first = owner.At($"{embeddings}.cls_token", randn(1, 1, sizes.Width) * Initialization.EmbeddingDeviation);
        _positions = owner.At($"{embeddings}.position_embeddings", randn(1, sizes.Tokens, sizes.Width) * Initialization.EmbeddingDeviation);
        _layers = [.. Enumerable.Range(0, sizes.Layers).Select(i => new EncoderLayer(owner, $"{prefix}.encoder.layer.{i}", LayerNames.Vit, sizes.Transformer))];
        _norm = owner.At($"{prefix}.layernorm", LayerNorm(sizes.Width, TransformerSizes.Epsilon));
    }

    /// <summary>Normalised pixels [b, 3, side, side] to the states of the class token and of all patches [b, 1 + n, d].</summary>
    public Tensor Forward(Tensor pixels)
    {
        var patches = _projection.forward(pixels); // [b, n, d]
        var x = cat([_first.expand(patches.shape[0], 1, patches.shape[2]), patches], 1) + _positions; // [b, 1 + n, d]
        foreach (var layer in _layers)
            x = layer.Forward(x);
        return _norm.forward(x);
    }
}

/// <summary>GPT-2 with cross-attention (transformers' GPT2LMHeadModel inside a captioner). The output layer uses the weights of the token embedding.</summary>
internal sealed class Gpt2
{
    private readonly Parameter _tokens;
    private readonly Parameter _positions;
    private readonly Block[] _blocks;
    private readonly LayerNorm _norm;

    public Gpt2(CheckpointModule owner, TransformerSizes sizes, int vocabulary, int positions)
    {
        _tokens = owner.At("decoder.transformer.wte.weight", randn(vocabulary, sizes.Width) * Initialization.EmbeddingDeviation);
        _positions = owner.At("decoder.transformer.wpe.weight", randn(positions, sizes.Width) * Initialization.EmbeddingDeviation);
        _blocks = [.. Enumerable.Range(0, sizes.Layers).Select(i => new Block(owner, $"decoder.transformer.h.{i}", sizes))];
        _norm = owner.At("decoder.transformer.ln_f", LayerNorm(sizes.Width, TransformerSizes.Epsilon));
    }

    /// <summary>Token ids [b, s] and the encoder's states [b, n, d] to the logits of the next tokens [b, s, vocab].</summary>
    public Tensor Forward(Tensor ids, Tensor states)
    {
        var x = TokenEmbedding.Lookup(_tokens, ids) + _positions[..(int)ids.shape[1]]; // [b, s, d]
        foreach (var block in _blocks)
            x = block.Forward(x, states);
        return functional.linear(_norm.forward(x), _tokens); // [b, s, vocab]
    }

    private sealed class Block
    {
        private readonly LayerNorm _norm1, _normCross, _norm2;
        private readonly Conv1D _attend, _attendOut, _crossQuery, _crossKeyValue, _crossOut, _up, _down;
        private readonly int _heads;

        public Block(CheckpointModule owner, string path, TransformerSizes sizes)
        {
            var (d, residual) = (sizes.Width, 0.05 / Math.Sqrt(3.0 * sizes.Layers));
            _heads = sizes.Heads;
            _norm1 = owner.At($"{path}.ln_1", LayerNorm(d, TransformerSizes.Epsilon));
            _attend = owner.At($"{path}.attn.c_attn", new Conv1D(d, 3 * d));
            _attendOut = owner.At($"{path}.attn.c_proj", new Conv1D(d, d, residual));
            _normCross = owner.At($"{path}.ln_cross_attn", LayerNorm(d, TransformerSizes.Epsilon));
            _crossQuery = owner.At($"{path}.crossattention.q_attn", new Conv1D(d, d));
            _crossKeyValue = owner.At($"{path}.crossattention.c_attn", new Conv1D(d, 2 * d));
            _crossOut = owner.At($"{path}.crossattention.c_proj", new Conv1D(d, d, residual));
            _norm2 = owner.At($"{path}.ln_2", LayerNorm(d, TransformerSizes.Epsilon));
            _up = owner.At($"{path}.mlp.c_fc", new Conv1D(d, sizes.Inner));
            _down = owner.At($"{path}.mlp.c_proj", new Conv1D(sizes.Inner, d, residual));
        }

        public Tensor Forward(Tensor x, Tensor states)
        {
            var own = _attend.forward(_norm1.forward(x)).chunk(3, 2); // queries, keys, values, each [b, s, d]
            x = x + _attendOut.forward(Attention.Mix(own[0], own[1], own[2], _heads, causal: true));
            var query = _crossQuery.forward(_normCross.forward(x)); // [b, s, d]
            var image = _crossKeyValue.forward(states).chunk(2, 2); // keys, values, each [b, n, d]
            x = x + _crossOut.forward(Attention.Mix(query, image[0], image[1], _heads, causal: false));
            return x + _down.forward(functional.gelu(_up.forward(_norm2.forward(x))));
        }
    }
}

/// <summary>GPT-2's Conv1D: a linear layer whose weight is stored as [in, out].</summary>
internal sealed class Conv1D : Module<Tensor, Tensor>
{
    private readonly Parameter _weight;
    private readonly Parameter _bias;

    /// <param name="from">Input width.</param>
    /// <param name="to">Output width.</param>
    /// <param name="deviation">Standard deviation of the initial weights; biases start at 0.</param>
    public Conv1D(long from, long to, double deviation = 0.05)
        : base(nameof(Conv1D))
    {
        (_weight, _bias) = (new Parameter(randn(from, to) * deviation), new Parameter(zeros(to)));
        register_parameter("weight", _weight);
        register_parameter("bias", _bias);
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor input) =>
        addmm(_bias, input.reshape(-1, _weight.shape[0]), _weight, 1, 1).reshape([.. input.shape[..^1], _weight.shape[1]]);
}
