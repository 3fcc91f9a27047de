using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TinySana.Networks;

/// <summary>The vision transformer (arXiv:2010.11929; transformers' ViTModel without its pooler), under its names inside a captioner.</summary>
internal sealed class Vit
{
    private readonly PatchProjection _projection;
    private readonly Parameter _first;
    private readonly Parameter _positions;
    private readonly EncoderLayer[] _layers;
    private readonly LayerNorm _norm;

    public Vit(Network owner, VisionOptions options)
    {
        const string embeddings = "encoder.embeddings";
        _projection = owner.At($"{embeddings}.patch_embeddings.projection", new PatchProjection(options.Width, options.Patch, bias: true));
        _first = owner.At($"{embeddings}.cls_token", randn(1, 1, options.Width) * Start.Embedding);
        _positions = owner.At($"{embeddings}.position_embeddings", randn(1, options.Tokens, options.Width) * Start.Embedding);
        _layers = [.. Enumerable.Range(0, options.Layers).Select(i => new EncoderLayer(owner, $"encoder.encoder.layer.{i}", LayerNames.Vit, options.Tower))];
        _norm = owner.At("encoder.layernorm", LayerNorm(options.Width, TowerOptions.Epsilon));
    }

    /// <summary>Normalised pixels [b, 3, side, side] to the states of the class token and of every patch, [b, 1 + n, d].</summary>
    public Tensor Forward(Tensor pixels)
    {
        var patches = _projection.forward(pixels); // [b, n, d]
        var x = cat([_first.expand(patches.shape[0], 1, patches.shape[2]), patches], 1) + _positions; // [b, 1 + n, d]
        foreach (var layer in _layers)
            x = layer.Forward(x);
        return _norm.forward(x);
    }
}
