using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TinySana.Networks;

/// <summary>CLIP's text tower.</summary>
internal sealed class ClipText
{
    private readonly Parameter _tokens, _positions;
    private readonly EncoderLayer[] _layers;
    private readonly LayerNorm _norm;
    private readonly Linear _projection;

    public ClipText(Network owner, TowerOptions options, int vocabulary, int positions, int projection)
    {
        _tokens = owner.At("text_model.embeddings.token_embedding.weight", randn(vocabulary, options.Width) * Start.Embedding);
        _positions = owner.At("text_model.embeddings.position_embedding.weight", randn(positions, options.Width) * Start.Embedding);
        _layers = [.. Enumerable.Range(0, options.Layers).Select(i => new EncoderLayer(owner, $"text_model.encoder.layers.{i}", LayerNames.Clip, options))];
        _norm = owner.At("text_model.final_layer_norm", LayerNorm(options.Width, TowerOptions.Epsilon));
        _projection = owner.At("text_projection", Linear(options.Width, projection, hasBias: false));
    }

    /// <summary>Token ids [b, s] to embeddings [b, p], taken at the end token, not normalised.</summary>
    /// <param name="ids">Padded with anything behind the end token.</param>
    /// <param name="ends">Where each text's end token stands, int64 [b].</param>
    public Tensor Embed(Tensor ids, Tensor ends)
    {
        var x = TokenTable.Rows(_tokens, ids) + _positions[..(int)ids.shape[1]]; // [b, s, d]
        foreach (var layer in _layers)
            x = layer.Forward(x, causal: true);
        var last = x.gather(1, ends.reshape(-1, 1, 1).expand(x.shape[0], 1, x.shape[2])).squeeze(1); // [b, d]
        return _projection.forward(_norm.forward(last));
    }
}
