using System.Globalization;
using TinySana.Publishing;
using TinySana.Torch;

namespace TinySana.Training;

/// <summary>The verb <c>autoencoder</c>: trains it, writes its folder and measures what was written.</summary>
internal static class AutoencoderVerb
{
    private const string Training = "artifacts/training/autoencoder", Folder = "models/tiny-sana/vae";

    /// <param name="arguments"><c>--as-is</c> takes the last checkpoint of a training that goes on elsewhere.</param>
    public static int Run(string[] arguments)
    {
        NativeTorch.Prepare(threads: 1);
        var network = AutoencoderRecipe.Train(Training, AutoencoderRecipe.Config, AutoencoderRecipe.Options, train: !arguments.Contains("--as-is"));
        var scale = 1 / AutoencoderReport.Measure(network, 128).Deviation;
        var folder = arguments.Contains("--as-is") ? Path.Combine(Training, "vae") : Folder;
        VaeFolder.Write(folder, network, AutoencoderRecipe.Config with { ScalingFactor = Math.Round(scale, 5) });

        var (written, _) = VaeFolder.Read(folder);
        foreach (var side in (int[])[128, 64])
        {
            var (psnr, noisy, deviation) = AutoencoderReport.Measure(written, side);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{side} px: {psnr:f2} dB, {noisy:f2} dB with a tenth of noise; latents' deviation {deviation:f4}"));
            AutoencoderReport.Sheet(written, side, Path.Combine(Training, $"scenes-{side}.png"));
        }

        return 0;
    }
}
