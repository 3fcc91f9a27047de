using System.Globalization;
using Sana.GraphBuilder.Configs;
using TinySana.Torch;

namespace TinySana.Training;

/// <summary>The verb <c>compression</c>: what a latent pixel of 32 × 32 image pixels, as the published autoencoders have it, would cost at this size.</summary>
internal static class CompressionVerb
{
    private const int DefaultSteps = 1_000;

    // A stage more at the small end. 64 channels keep as many numbers of an image as the five stages' 16 do, 32 half as many.
    private static readonly (string Name, AutoencoderDCConfig Config)[] Candidates =
    [
        ("f16c16", AutoencoderRecipe.Config),
        ("f32c32", AutoencoderRecipe.Sizes([8, 16, 32, 64, 128, 128], [8, 16, 32, 64, 128, 128], 32, attentionStages: 3)),
        ("f32c64", AutoencoderRecipe.Sizes([8, 16, 32, 64, 128, 128], [8, 16, 32, 64, 128, 128], 64, attentionStages: 3)),
    ];

    /// <param name="arguments">Steps of each; 1,000 if left out.</param>
    public static int Run(string[] arguments)
    {
        NativeTorch.Prepare(threads: 1);
        var steps = arguments.Length > 0 ? int.Parse(arguments[0], CultureInfo.InvariantCulture) : DefaultSteps;
        var options = AutoencoderRecipe.Options with { Steps = steps, EmaDecay = 0.98 };
        foreach (var (name, config) in Candidates)
        {
            var network = AutoencoderRecipe.Train($"artifacts/training/compression-{name}", config, options);
            var (large, small) = (AutoencoderReport.Measure(network, 128), AutoencoderReport.Measure(network, 64));
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name}: {large.Psnr:f2} dB at 128 px, {small.Psnr:f2} dB at 64 px after {steps} steps"));
            AutoencoderReport.Sheet(network, 128, $"artifacts/training/compression-{name}/scenes-128.png");
        }

        return 0;
    }
}
