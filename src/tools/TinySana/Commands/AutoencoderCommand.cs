using System.Globalization;
using Sana.GraphBuilder.Configs;
using TinySana.Networks;
using TinySana.Publishing;
using TinySana.Scenes;
using TinySana.Torch;
using TinySana.Training;
using static TorchSharp.torch;

namespace TinySana.Commands;

/// <summary>The command <c>autoencoder</c>: trains the autoencoder, writes its folder and measures its quality.</summary>
internal static class AutoencoderCommand
{
    private const string Folder = "models/tiny-sana/vae", Both = "artifacts/training/autoencoder", DecoderAlone = "artifacts/training/decoder";

    /// <param name="arguments">
    /// <c>--both</c> leaves out the training of the decoder alone, which does not change the latents.
    /// <c>--as-is</c> does not train: it takes the last checkpoint of a training that may still run, and writes to a folder beside it.
    /// </param>
    public static int Run(string[] arguments)
    {
        NativeTorch.Prepare(threads: 1);
        var asIs = arguments.Contains("--as-is");
        var network = AutoencoderTraining.Train(Both, AutoencoderTraining.Config, AutoencoderTraining.Options, train: !asIs);
        var config = AutoencoderTraining.Config with { ScalingFactor = Math.Round(1 / AutoencoderReport.Measure(network, 128).Deviation, 5) };
        if (!arguments.Contains("--both"))
            AutoencoderTraining.TrainDecoder(network, DecoderAlone, AutoencoderTraining.DecoderOptions, train: !asIs);

        var folder = asIs ? Path.Combine(Both, "vae") : Folder;
        VaeFolder.Write(folder, network, config);
        Report(VaeFolder.Read(folder).Network);
        return 0;
    }

    private static void Report(AutoencoderDCModule written)
    {
        foreach (var side in (int[])[128, 64])
        {
            var (psnr, noisy, deviation) = AutoencoderReport.Measure(written, side);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{side} px: {psnr:f2} dB, {noisy:f2} dB with a tenth of noise; latents' deviation {deviation:f4}"));
            AutoencoderReport.SaveSheet(written, side, Path.Combine(Both, $"scenes-{side}.png"));
        }
    }
}

/// <summary>
/// The command <c>compression</c>: compares the quality of 16 × 16 and 32 × 32 image pixels for a latent pixel. The published autoencoders have 32 × 32.
/// </summary>
internal static class CompressionCommand
{
    private const int DefaultSteps = 1_000;

    // The configs with 32 × 32 have one more stage. With 64 channels they have as many latent values as f16c16, with 32 channels half as many.
    private static readonly (string Name, AutoencoderDCConfig Config)[] Candidates =
    [
        ("f16c16", AutoencoderTraining.Config),
        ("f32c32", AutoencoderTraining.CreateConfig([8, 16, 32, 64, 128, 128], 32, attentionStages: 3)),
        ("f32c64", AutoencoderTraining.CreateConfig([8, 16, 32, 64, 128, 128], 64, attentionStages: 3)),
    ];

    /// <param name="arguments">Steps of each training; 1,000 by default.</param>
    public static int Run(string[] arguments)
    {
        NativeTorch.Prepare(threads: 1);
        var steps = arguments.Length > 0 ? int.Parse(arguments[0], CultureInfo.InvariantCulture) : DefaultSteps;
        var options = AutoencoderTraining.Options with { Steps = steps, EmaDecay = 0.98 };
        foreach (var (name, config) in Candidates)
        {
            var network = AutoencoderTraining.Train($"artifacts/training/compression-{name}", config, options);
            var (large, small) = (AutoencoderReport.Measure(network, 128), AutoencoderReport.Measure(network, 64));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name}: {large.Psnr:f2} dB at 128 px, {small.Psnr:f2} dB at 64 px after {steps} steps"));
            AutoencoderReport.SaveSheet(network, 128, $"artifacts/training/compression-{name}/scenes-128.png");
        }

        return 0;
    }
}

/// <summary>Measures how well an autoencoder reproduces scenes that it was not trained on.</summary>
internal static class AutoencoderReport
{
    private const int Images = 64, Shown = 16, Columns = 8;

    /// <summary>Mean peak signal-to-noise ratio in decibels, the same with noise on the latents, and the standard deviation of the latents.</summary>
    public static (double Psnr, double NoisyPsnr, double Deviation) Measure(AutoencoderDCModule network, int side)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        manual_seed(1);
        var images = ScenePictures.ToTensor(ScenePictures.Render(ScenePictures.Unseen, Images, side), side);
        var latents = network.Encode(images);
        var deviation = latents.std();
        var noisy = latents + (0.1 * deviation * randn_like(latents));
        return (Psnr(network.Decode(latents), images), Psnr(network.Decode(noisy), images), deviation.item<float>());
    }

    /// <summary>Saves a sheet of original images, each row above the row of its reproductions.</summary>
    public static void SaveSheet(AutoencoderDCModule network, int side, string path)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var originals = ScenePictures.Render(ScenePictures.Unseen, Shown, side);
        var copies = ScenePictures.ToBytes(network.Decode(network.Encode(ScenePictures.ToTensor(originals, side))));
        ScenePictures.SaveSheet(path, [.. originals.Chunk(Columns).Zip(copies.Chunk(Columns), (above, below) => above.Concat(below)).SelectMany(row => row)], side, Columns);
    }

    // Images span −1…1, so the peak is 2.
    private static double Psnr(Tensor images, Tensor originals) =>
        (10 * (4 / (images.clamp(-1, 1) - originals).square().mean([1, 2, 3])).log10()).mean().item<float>();
}
