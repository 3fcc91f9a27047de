using Sana.GraphBuilder.Models;
using Sana.GraphBuilder.Safetensors;
using TinySana.Publishing;
using static TorchSharp.torch;

namespace TinySana.Checking;

/// <summary>A published transformer: the velocity at three noise levels, for texts of unlike lengths and latents that are not square.</summary>
internal static class TransformerCheck
{
    private const int Tokens = 20;

    public static IEnumerable<(string Network, double Difference)> Compare(string folder)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        manual_seed(1);
        var (network, config) = TransformerFolder.Read(folder);
        using var graph = new BuiltGraph(SanaGraphs.Transformer(config, SafetensorsWeights.Open(folder, "diffusion_pytorch_model"), clamp: false), folder);
        var timestep = tensor(new float[] { 999, 500, 20 });
        var (latents, text) = (randn(3, config.InChannels, 8, 6), randn(3, Tokens, config.CaptionChannels));
        var mask = arange(Tokens).less(tensor(new long[] { 1, 7, Tokens }).unsqueeze(1)).to_type(ScalarType.Int64); // [3, tokens]
        var actual = graph.Run(
            "out_hidden_states",
            ("hidden_states", latents), ("timestep", timestep), ("encoder_attention_mask", mask), ("encoder_hidden_states", text));
        return [("velocity", BuiltGraph.Difference(network.Forward(latents, timestep, text, mask), actual))];
    }
}
