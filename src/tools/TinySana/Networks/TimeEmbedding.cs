using Sana.GraphBuilder.Models;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TinySana.Networks;

/// <summary>A timestep to its embedding and to the six modulations that all blocks share (AdaLN-single).</summary>
internal sealed class TimeEmbedding : nn.Module
{
    private readonly TwoLinears _embedder;
    private readonly Linear _six;

    public TimeEmbedding(long width)
        : base(nameof(TimeEmbedding))
    {
        _embedder = new TwoLinears(2 * Sinusoid.Frequencies.Length, width, x => nn.functional.silu(x));
        _six = Projection.Silent(width, 6 * width);
        register_module("emb", new Holder("timestep_embedder", _embedder));
        register_module("linear", _six);
    }

    /// <summary>[b] to [b, d] and [b, 6, d].</summary>
    public (Tensor Embedded, Tensor Six) Forward(Tensor timestep)
    {
        var angles = timestep.unsqueeze(1) * tensor(Sinusoid.Frequencies); // [b, 128]
        var embedded = _embedder.forward(cat([angles.cos(), angles.sin()], 1)); // [b, d]
        return (embedded, _six.forward(nn.functional.silu(embedded)).view(timestep.shape[0], 6, -1));
    }
}
