using System.Globalization;
using Google.Protobuf;
using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Models;
using Sana.GraphBuilder.Safetensors;
using Sana.Inference.Diffusion;
using Sana.Inference.Runtime;
using Sana.Tests.Support;

namespace Sana.Benchmarks;

/// <summary>
/// DC-AE's decoder at full width: whole images of two sizes, and the larger one in tiles.
/// The ratio of tile and image is that of the pipeline's tiles of 1,024 pixels and a 2K image.
/// </summary>
internal static class DecodeBenchmark
{
    private const int Small = 256;
    private const int Large = 512;
    private static readonly Tiling Tiles = new(256, 224);

    public static void Run(int rounds)
    {
        using var folder = new TempFolder();
        var config = Write(folder);
        using var autoencoder = Load(folder, config, new OnnxModelOptions(Device.Cpu, 0, KeepMemory: false));
        var (small, large) = (Latents(config, Small), Latents(config, Large));
        (string Name, double Pixels, Action Run)[] ways =
        [
            ($"{Small} px whole", Small * Small, () => autoencoder.Decode(small)),
            ($"{Large} px whole", Large * Large, () => autoencoder.Decode(large)),
            ($"{Large} px in tiles of {Tiles.Size}", Large * Large, () => autoencoder.Decode(large, Tiles)),
        ];
        var race = Race.Run(rounds, [.. ways.Select(way => way.Run)]);

        Markdown.Text("Time of a pixel, relative to the small image. Memory is the peak above the loaded network.");
        Markdown.Table(
            ["decode", "time of a pixel", "ms", "memory, MB"],
            ways.Select((way, i) => (string[])
            [
                way.Name, $"{race.Ratio(i, 0, way.Pixels / ways[0].Pixels)}", (1000 * race.Seconds(i)).ToString("N0", CultureInfo.InvariantCulture),
                (PeakAbove(way.Run) / 1e6).ToString("N0", CultureInfo.InvariantCulture),
            ]));
    }

    /// <summary>Writes config and weights of the published widths; the config.</summary>
    public static AutoencoderDCConfig Write(TempFolder folder)
    {
        var file = folder.File("config.json");
        File.WriteAllText(file, PublicConfigs.AutoencoderDC);
        var config = AutoencoderDCConfig.Load(file);
        new SyntheticWeights(seed: 0).Write(folder.Path, "diffusion_pytorch_model", null, TensorType.F32, AutoencoderDCTensors.Decoder(config));
        return config;
    }

    /// <summary>Loads what <see cref="Write"/> has written.</summary>
    public static AutoencoderDC Load(TempFolder folder, AutoencoderDCConfig config, OnnxModelOptions options)
    {
        var graph = SanaGraphs.Decoder(config, SafetensorsWeights.Open(folder.Path, "diffusion_pytorch_model"));
        graph.Metadata("spatial_compression", config.SpatialCompression.ToString(CultureInfo.InvariantCulture)); // from which the layout of tiles is computed
        return new AutoencoderDC(OnnxModel.Load(graph.ToModel().ToByteArray(), folder.Path, options));
    }

    private static FloatTensor Latents(AutoencoderDCConfig config, int pixels)
    {
        var latents = FloatTensor.Zeros(1, config.LatentChannels, pixels / config.SpatialCompression, pixels / config.SpatialCompression);
        LatentNoise.Fill(latents.Data, seed: 0, image: 0);
        return latents;
    }

    private static long PeakAbove(Action run)
    {
        GC.Collect();
        var before = Memory.Now;
        Memory.ResetPeak();
        run();
        return Memory.Peak - before;
    }
}
