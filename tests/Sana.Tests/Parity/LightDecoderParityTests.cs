using System.Text.Json;
using Google.Protobuf;
using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Models;
using Sana.GraphBuilder.Safetensors;
using Sana.Inference.Diffusion;
using Sana.Inference.Runtime;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Parity;

/// <summary>The light decoder (DC-AE-Lite) in small against the reference.</summary>
[Trait("Category", "Parity")]
public sealed class LightDecoderParityTests : IDisposable
{
    private static readonly SafetensorsReader _expected = SafetensorsReader.OpenFile(Path.Combine(Fixtures.Adapters, "expected.safetensors"));
    private static readonly JsonElement _json = JsonDocument.Parse(File.ReadAllText(Path.Combine(Fixtures.Adapters, "expected.json"))).RootElement;
    private readonly OnnxModel _network;

    public LightDecoderParityTests()
    {
        var folder = Path.Combine(Fixtures.Adapters, "light-decoder", "vae");
        var config = AutoencoderDCConfig.Load(Path.Combine(folder, "config.json"));
        var weights = SafetensorsWeights.Open(folder, "diffusion_pytorch_model");
        weights.Require(AutoencoderDCTensors.All(config));
        var graph = SanaGraphs.Decoder(config, weights, _ => true);
        graph.Metadata("spatial_compression", $"{config.SpatialCompression}");
        graph.Metadata("scaling_factor", config.ScalingFactor.ToString(System.Globalization.CultureInfo.InvariantCulture));
        _network = OnnxModel.Load(graph.ToModel().ToByteArray(), folder, new OnnxModelOptions(Device.Cpu, 1, KeepMemory: false));
    }

    public void Dispose() => _network.Dispose();

    [Fact]
    public void Latent_is_decoded_stage_by_stage()
    {
        using var latent = Tensor("light.latent").ToOrtValue();

        using var outputs = _network.Run([("latent_sample", latent)], [.. _network.Outputs], default);

        Close.To(_expected.Floats("light.decoded"), Output("sample"), ReferenceCheckpoint.AutoencoderTolerance);
        var stages = _expected.Names.Where(name => name.StartsWith("light.decoder.", StringComparison.Ordinal)).ToArray();
        Assert.NotEmpty(stages);
        foreach (var stage in stages)
            Close.To(_expected.Floats(stage), Output($"decoder.up_blocks.{stage["light.decoder.".Length..]}"), ReferenceCheckpoint.AutoencoderTolerance);

        ReadOnlySpan<float> Output(string name) => outputs[_network.Outputs.ToList().IndexOf(name)].GetTensorDataAsSpan<float>();
    }

    [Fact]
    public void Large_latent_is_decoded_in_tiles()
    {
        var tiling = Fixtures.Json("expected", "sana.json").RootElement.GetProperty("tiling");
        var autoencoder = new AutoencoderDC(_network);

        var decoded = autoencoder.Decode(Tensor("light.tiled.latent"), new Tiling(tiling.GetProperty("tile_sample_min").GetInt32(), tiling.GetProperty("tile_sample_stride").GetInt32()));

        PartlyStored.Check(_json, Tensor, "light.tiled.decoded", decoded, ReferenceCheckpoint.AutoencoderTolerance);
    }

    private static FloatTensor Tensor(string name) => new(_expected.Floats(name), [.. _expected.Shape(name).Select(side => (long)side)]);
}
