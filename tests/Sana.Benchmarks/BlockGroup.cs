using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;
using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Models;
using Sana.GraphBuilder.Onnx;
using Sana.GraphBuilder.Safetensors;
using Sana.Inference.Diffusion;
using Sana.Inference.Runtime;
using Sana.Tests.Support;

namespace Sana.Benchmarks;

/// <summary>
/// The 0.6B transformer with its published widths (1,152 and 2,880), random weights and only a few of its 28 blocks. All blocks cost the same.
/// </summary>
internal sealed class BlockGroup : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly List<IDisposable> _owned = [];
    private readonly int _threads;

    /// <param name="layers">1…28.</param>
    /// <param name="threads">For one node; 0 takes every core.</param>
    public BlockGroup(int layers, int threads = 0)
    {
        var file = _folder.File("config.json");
        File.WriteAllText(file, PublicConfigs.SanaTransformers["0.6B"]);
        Config = SanaTransformerConfig.Load(file) with { NumLayers = layers };
        new SyntheticWeights(seed: 0).Write(_folder.Path, "diffusion_pytorch_model", null, TensorType.F32, SanaTransformerTensors.All(Config));
        _threads = threads;
        Weights = SafetensorsWeights.Open(_folder.Path, "diffusion_pytorch_model");
    }

    public SanaTransformerConfig Config { get; }

    public SafetensorsWeights Weights { get; }

    /// <summary>Where they are, in float32.</summary>
    public string WeightsFile => _folder.File("diffusion_pytorch_model.safetensors");

    /// <summary>Loads a graph over these weights with the settings of a network that runs many times.</summary>
    public OnnxModel Load(Graph graph, string? profile = null)
    {
        var network = OnnxModel.Load(graph.ToModel().ToByteArray(), _folder.Path, new OnnxModelOptions(Device.Cpu, _threads, KeepMemory: true) { Profile = profile });
        _owned.Add(network);
        return network;
    }

    public SanaTransformer LoadTransformer(Arithmetic? arithmetic = null, string? profile = null) => new SanaTransformer(
        Load(SanaGraphs.Conditioning(Config, Weights, arithmetic)),
        Load(SanaGraphs.Denoiser(Config, Weights, clamp: false, arithmetic), profile));

    /// <summary>Latents of a square image.</summary>
    public FloatTensor Latents(int samples, int tokens)
    {
        var side = (int)Math.Sqrt(tokens);
        return Random(samples, Config.InChannels, side, side);
    }

    public FloatTensor[] Embeddings(int samples, int textTokens) =>
        [.. Enumerable.Range(0, samples).Select(_ => Random(textTokens, Config.CaptionChannels))];

    public static FloatTensor Random(params long[] shape)
    {
        var tensor = FloatTensor.Zeros(shape);
        LatentNoise.Fill(tensor.Data, seed: 0, image: 0);
        return tensor;
    }

    /// <summary>Runs a network once and discards the outputs.</summary>
    public static void Run(OnnxModel network, params (string Name, OrtValue Value)[] inputs) => network.Run(inputs, [.. network.Outputs], default).Dispose();

    public void Dispose()
    {
        _owned.ForEach(owned => owned.Dispose());
        _folder.Dispose();
    }
}
