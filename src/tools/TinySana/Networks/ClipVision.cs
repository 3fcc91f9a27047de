using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TinySana.Networks;

/// <summary>CLIP's image tower.</summary>
internal sealed class ClipVision
{
    private readonly Parameter _class, _places;
    private readonly PatchProjection _patches;
    private readonly LayerNorm _before, _after;
    private readonly EncoderLayer[] _layers;
    private readonly Linear _projection;

    public ClipVision(Network owner, VisionOptions options, int projection)
    {
        const string embeddings = "vision_model.embeddings";
        var tower = options.Tower;
        _class = owner.At($"{embeddings}.class_embedding", randn(tower.Width) * Start.Embedding);
        _patches = owner.At($"{embeddings}.patch_embedding", new PatchProjection(tower.Width, options.Patch, bias: false));
        _places = owner.At($"{embeddings}.position_embedding.weight", randn(options.Tokens, tower.Width) * Start.Embedding);
        _before = owner.At("vision_model.pre_layrnorm", LayerNorm(tower.Width, TowerOptions.Epsilon)); // the checkpoints spell it so
        _layers = [.. Enumerable.Range(0, tower.Layers).Select(i => new EncoderLayer(owner, $"vision_model.encoder.layers.{i}", LayerNames.Clip, tower))];
        _after = owner.At("vision_model.post_layernorm", LayerNorm(tower.Width, TowerOptions.Epsilon));
        _projection = owner.At("visual_projection", Linear(tower.Width, projection, hasBias: false));
    }

    /// <summary>Normalised pixels [b, 3, side, side] to the class token and every patch with their places, [b, 1 + n, d].</summary>
    public Tensor Placed(Tensor pixels)
    {
        var patches = _patches.forward(pixels); // [b, n, d]
        return cat([_class.expand(patches.shape[0], 1, patches.shape[2]), patches], 1) + _places; // [b, 1 + n, d]
    }

    /// <summary>Normalised pixels [b, 3, side, side] to the states of the class token and of every patch, [b, 1 + n, d].</summary>
    public Tensor See(Tensor pixels)
    {
        var x = _before.forward(Placed(pixels)); // [b, 1 + n, d]
        foreach (var layer in _layers)
            x = layer.Forward(x);
        return x;
    }

    /// <summary>States through the norm that stands before the projection.</summary>
    public Tensor Normed(Tensor states) => _after.forward(states);

    /// <summary>States of <see cref="See"/> to embeddings [b, p], not normalised.</summary>
    public Tensor Embed(Tensor states) => _projection.forward(Normed(states[.., 0]));
}
