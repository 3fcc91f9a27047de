using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TinySana.Networks;

/// <summary>Sizes of a CLIP.</summary>
/// <param name="Vision">The image tower.</param>
/// <param name="Text">The text tower.</param>
/// <param name="Vocabulary">Number of token ids; the last one is the end token.</param>
/// <param name="Positions">Longest text in tokens, start and end included.</param>
/// <param name="Projection">Width of the embeddings.</param>
internal sealed record ClipSizes(VisionSizes Vision, TransformerSizes Text, int Vocabulary, int Positions, int Projection);

/// <summary>CLIP's two towers (arXiv:2103.00020; transformers' CLIPModel), with their tensor names.</summary>
internal sealed class ClipModule : CheckpointModule
{
    public ClipModule(ClipSizes sizes)
        : base(nameof(ClipModule))
    {
        Sizes = sizes;
        Vision = new ClipVisionModule(this, sizes.Vision, sizes.Projection);
        Text = new ClipTextModule(this, sizes.Text, sizes.Vocabulary, sizes.Positions, sizes.Projection);
        LogitScale = At("logit_scale", tensor((float)Math.Log(1 / 0.07)));
    }

    public ClipSizes Sizes { get; }

    public ClipVisionModule Vision { get; }

    public ClipTextModule Text { get; }

    /// <summary>Logarithm of the scale of the cosines.</summary>
    public Parameter LogitScale { get; }
}

/// <summary>CLIP's image transformer.</summary>
internal sealed class ClipVisionModule
{
    private readonly Parameter _class, _positions;
    private readonly PatchProjection _patches;
    private readonly LayerNorm _preNorm, _postNorm;
    private readonly EncoderLayer[] _layers;
    private readonly Linear _projection;

    public ClipVisionModule(CheckpointModule owner, VisionSizes sizes, int projection)
    {
        const string embeddings = "vision_model.embeddings";
        var transformer = sizes.Transformer;
        _class = owner.At($"{embeddings}.class_embedding", randn(transformer.Width) * Initialization.EmbeddingDeviation);
        _patches = owner.At($"{embeddings}.patch_embedding", new PatchProjection(transformer.Width, sizes.Patch, bias: false));
        _positions = owner.At($"{embeddings}.position_embedding.weight", randn(sizes.Tokens, transformer.Width) * Initialization.EmbeddingDeviation);
        _preNorm = owner.At("vision_model.pre_layrnorm", LayerNorm(transformer.Width, TransformerSizes.Epsilon)); // spelled like this in checkpoints
        _layers = [.. Enumerable.Range(0, transformer.Layers).Select(i => new EncoderLayer(owner, $"vision_model.encoder.layers.{i}", LayerNames.Clip, transformer))];
        _postNorm = owner.At("vision_model.post_layernorm", LayerNorm(transformer.Width, TransformerSizes.Epsilon));
        _projection = owner.At("visual_projection", Linear(transformer.Width, projection, hasBias: false));
    }

    /// <summary>Normalised pixels [b, 3, side, side] to the class token and all patches with their positions [b, 1 + n, d].</summary>
    public Tensor EmbedPatches(Tensor pixels)
    {
        var patches = _patches.forward(pixels); // [b, n, d]
        return cat([_class.expand(patches.shape[0], 1, patches.shape[2]), patches], 1) + _positions; // [b, 1 + n, d]
    }

    /// <summary>Normalised pixels [b, 3, side, side] to the states of the class token and of all patches [b, 1 + n, d].</summary>
    public Tensor Encode(Tensor pixels)
    {
        var x = _preNorm.forward(EmbedPatches(pixels)); // [b, 1 + n, d]
        foreach (var layer in _layers)
            x = layer.Forward(x);
        return x;
    }

    /// <summary>Applies the layer norm before the projection.</summary>
    public Tensor Normalize(Tensor states) => _postNorm.forward(states);

    /// <summary>States of <see cref="Encode"/> to embeddings [b, p], not normalised.</summary>
    public Tensor Embed(Tensor states) => _projection.forward(Normalize(states[.., 0]));
}

/// <summary>CLIP's text transformer.</summary>
internal sealed class ClipTextModule
{
    private readonly Parameter _tokens, _positions;
    private readonly EncoderLayer[] _layers;
    private readonly LayerNorm _norm;
    private readonly Linear _projection;

    public ClipTextModule(CheckpointModule owner, TransformerSizes sizes, int vocabulary, int positions, int projection)
    {
        _tokens = owner.At("text_model.embeddings.token_embedding.weight", randn(vocabulary, sizes.Width) * Initialization.EmbeddingDeviation);
        _positions = owner.At("text_model.embeddings.position_embedding.weight", randn(positions, sizes.Width) * Initialization.EmbeddingDeviation);
        _layers = [.. Enumerable.Range(0, sizes.Layers).Select(i => new EncoderLayer(owner, $"text_model.encoder.layers.{i}", LayerNames.Clip, sizes))];
        _norm = owner.At("text_model.final_layer_norm", LayerNorm(sizes.Width, TransformerSizes.Epsilon));
        _projection = owner.At("text_projection", Linear(sizes.Width, projection, hasBias: false));
    }

    /// <summary>Token ids [b, s] to embeddings [b, p], taken at the end token, not normalised.</summary>
    /// <param name="ids">Ids after the end token have no effect.</param>
    /// <param name="ends">Position of each text's end token, int64 [b].</param>
    public Tensor Embed(Tensor ids, Tensor ends)
    {
        var x = TokenEmbedding.Lookup(_tokens, ids) + _positions[..(int)ids.shape[1]]; // [b, s, d]
        foreach (var layer in _layers)
            x = layer.Forward(x, causal: true);
        var last = x.gather(1, ends.reshape(-1, 1, 1).expand(x.shape[0], 1, x.shape[2])).squeeze(1); // [b, d]
        return _projection.forward(_norm.forward(last));
    }
}
