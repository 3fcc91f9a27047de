using Sana.GraphBuilder.Models;
using Sana.GraphBuilder.Safetensors;
using TinySana.Publishing;
using TinySana.Training;
using static TorchSharp.torch;

namespace TinySana.Checking;

/// <summary>Both halves of a published autoencoder, on scenes of both sizes.</summary>
internal static class VaeCheck
{
    private const int Images = 4;

    public static IEnumerable<(string Network, double Difference)> Compare(string folder)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var (network, config) = VaeFolder.Read(folder);
        var weights = SafetensorsWeights.Open(folder, "diffusion_pytorch_model");
        using var encoder = new BuiltGraph(SanaGraphs.Encoder(config, weights), folder);
        using var decoder = new BuiltGraph(SanaGraphs.Decoder(config, weights), folder);
        var differences = new List<(string Network, double Difference)>();
        foreach (var side in (int[])[128, 64])
        {
            var images = ScenePictures.ToTensor(ScenePictures.Render(ScenePictures.Unseen, Images, side), side);
            var latents = network.Encode(images);
            differences.Add(($"encoder {side}", BuiltGraph.Difference(latents, encoder.Run("latent_sample", ("sample", images)))));
            differences.Add(($"decoder {side}", BuiltGraph.Difference(network.Decode(latents), decoder.Run("sample", ("latent_sample", latents)))));
        }

        return differences;
    }
}
