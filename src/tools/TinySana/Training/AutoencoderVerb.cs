using System.Globalization;
using TinySana.Networks;
using TinySana.Publishing;
using TinySana.Torch;

namespace TinySana.Training;

/// <summary>The verb <c>autoencoder</c>: trains it, writes its folder and measures what was written.</summary>
internal static class AutoencoderVerb
{
    private const string Folder = "models/tiny-sana/vae", Both = "artifacts/training/autoencoder", DecoderAlone = "artifacts/training/decoder";

    /// <param name="arguments">
    /// <c>--both</c> ends before the decoder goes on alone: the latents, and so what is trained on them, are the same with and without that. <c>--as-is</c> takes the last checkpoint
    /// of a training that goes on elsewhere and writes beside it.
    /// </param>
    public static int Run(string[] arguments)
    {
        NativeTorch.Prepare(threads: 1);
        var asIs = arguments.Contains("--as-is");
        var network = AutoencoderRecipe.Train(Both, AutoencoderRecipe.Config, AutoencoderRecipe.Options, train: !asIs);
        var config = AutoencoderRecipe.Config with { ScalingFactor = Math.Round(1 / AutoencoderReport.Measure(network, 128).Deviation, 5) };
        if (!arguments.Contains("--both"))
            AutoencoderRecipe.TrainDecoder(network, DecoderAlone, AutoencoderRecipe.DecoderOptions, train: !asIs);

        var folder = asIs ? Path.Combine(Both, "vae") : Folder;
        VaeFolder.Write(folder, network, config);
        Report(VaeFolder.Read(folder).Network);
        return 0;
    }

    private static void Report(AutoencoderDC written)
    {
        foreach (var side in (int[])[128, 64])
        {
            var (psnr, noisy, deviation) = AutoencoderReport.Measure(written, side);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{side} px: {psnr:f2} dB, {noisy:f2} dB with a tenth of noise; latents' deviation {deviation:f4}"));
            AutoencoderReport.Sheet(written, side, Path.Combine(Both, $"scenes-{side}.png"));
        }
    }
}
