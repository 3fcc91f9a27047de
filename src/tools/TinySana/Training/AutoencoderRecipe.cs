using Sana.GraphBuilder.Configs;
using TinySana.Networks;
using TinySana.Torch;
using static TorchSharp.torch;

namespace TinySana.Training;

/// <summary>How the autoencoder is made: its sizes, its data and its loss.</summary>
internal static class AutoencoderRecipe
{
    // Images of this many pixels in all make a step, whatever their size.
    private const int Side = 128, SmallSide = 64;

    // Every so many steps the images are large; small ones show as many objects in a quarter of the pixels, and the diffusion model's training begins with them.
    private const int LargeEvery = 3;

    private const double LatentNoise = 0.2, EdgeWeight = 0.5, LatentWeight = 0.01;

    /// <summary>Five stages: a latent pixel is 16 × 16 image pixels. Most of the work is done where the pictures are small.</summary>
    public static AutoencoderDCConfig Config { get; } = Sizes([8, 16, 32, 64, 128], [8, 16, 32, 64, 128], 16);

    /// <summary>Of both halves together.</summary>
    public static TrainingOptions Options { get; } = new()
    {
        Steps = 9_000,
        BatchSize = 2,
        LearningRate = 1.2e-3,
        WarmUp = 100,
        EmaDecay = 0.998,
        CheckpointEvery = 250,
        Seed = 11,
    };

    /// <summary>Of the decoder alone, afterwards.</summary>
    public static TrainingOptions DecoderOptions { get; } = Options with { Steps = 6_000, LearningRate = 8e-4, Seed = 12 };

    /// <summary>The averaged weights after all steps, of which those before the last checkpoint are not done again.</summary>
    /// <param name="folder">Of checkpoint and log.</param>
    /// <param name="config">Its sizes.</param>
    /// <param name="options">How long and how.</param>
    /// <param name="train">Whether to do the steps that are left.</param>
    public static AutoencoderDC Train(string folder, AutoencoderDCConfig config, TrainingOptions options, bool train = true)
    {
        manual_seed((long)options.Seed);
        var network = new AutoencoderDC(config);
        using var run = new TrainingRun(folder, network, options);
        if (train)
            run.Train(step => Loss(network, Batch(step, options)));
        run.UseEma();
        return network;
    }

    /// <summary>One block in every stage, with attention in the last ones.</summary>
    public static AutoencoderDCConfig Sizes(int[] encoder, int[] decoder, int latentChannels, int attentionStages = 2) => new()
    {
        InChannels = 3,
        LatentChannels = latentChannels,
        AttentionHeadDim = 16,
        Encoder = [.. encoder.Select((width, i) => new AutoencoderStage(i >= encoder.Length - attentionStages, width, 1, [], "silu"))],
        Decoder = [.. decoder.Select((width, i) => new AutoencoderStage(i >= decoder.Length - attentionStages, width, 1, [], "silu"))],
        EncoderOutShortcut = true,
        DecoderInShortcut = true,
        DecoderConvActFn = "relu",
        ScalingFactor = 1,
    };

    /// <summary>The images of a step: [b, 3, side, side].</summary>
    public static Tensor Batch(int step, TrainingOptions options)
    {
        var small = step % LargeEvery != 0;
        var (side, count) = small ? (SmallSide, 4 * options.BatchSize) : (Side, options.BatchSize);
        return ScenePictures.ToTensor(ScenePictures.Render((options.Seed << 32) + ((ulong)step * 64), count, side), side);
    }

    /// <summary>The averaged weights of a decoder that goes on alone, on the latents of an encoder that stays as it is.</summary>
    /// <param name="network">Both; its decoder is changed.</param>
    /// <param name="folder">Of checkpoint and log.</param>
    /// <param name="options">How long and how.</param>
    /// <param name="train">Whether to do the steps that are left.</param>
    public static void TrainDecoder(AutoencoderDC network, string folder, TrainingOptions options, bool train = true)
    {
        using var run = new TrainingRun(folder, network.Decoder, options);
        if (train)
        {
            run.Train(step =>
            {
                var images = Batch(step, options);
                return Difference(Reproduce(network, Latents(network, images)), images);
            });
        }

        run.UseEma();
    }

    // The channels are kept near mean 0, deviation 1 and independent of each other, so that one scale fits all.
    private static Tensor Loss(AutoencoderDC network, Tensor images)
    {
        var latents = network.Encode(images);
        return Difference(Reproduce(network, latents), images) + (LatentWeight * Spread(latents));
    }

    private static Tensor Latents(AutoencoderDC network, Tensor images)
    {
        using var frozen = no_grad();
        return network.Encode(images);
    }

    // Noise on the latents makes the decoder forgive the diffusion model's errors.
    private static Tensor Reproduce(AutoencoderDC network, Tensor latents)
    {
        var scale = latents.detach().std() * (LatentNoise * rand(latents.shape[0], 1, 1, 1));
        return network.Decode(latents + (scale * randn_like(latents)));
    }

    // Absolute and squared errors, and those of the differences between neighbours, which keep edges sharp.
    private static Tensor Difference(Tensor images, Tensor originals)
    {
        var error = images - originals;
        var across = error.narrow(3, 1, error.shape[3] - 1) - error.narrow(3, 0, error.shape[3] - 1);
        var down = error.narrow(2, 1, error.shape[2] - 1) - error.narrow(2, 0, error.shape[2] - 1);
        return error.abs().mean() + error.square().mean() + (EdgeWeight * (across.abs().mean() + down.abs().mean()));
    }

    // Squared distance of the channels' means from 0 and of their covariance from the identity, per channel.
    private static Tensor Spread(Tensor latents)
    {
        var values = latents.permute(0, 2, 3, 1).flatten(0, 2); // [b · h · w, channels]
        var (means, covariance) = (values.mean([0]), values.t().matmul(values) / values.shape[0]);
        return means.square().mean() + ((covariance - eye(values.shape[1])).square().sum() / values.shape[1]);
    }
}
