using Sana.GraphBuilder.Configs;
using TinySana.Networks;
using TinySana.Scenes;
using TinySana.Torch;
using static TorchSharp.torch;

namespace TinySana.Training;

/// <summary>Trains the autoencoder.</summary>
internal static class AutoencoderTraining
{
    // A step has images of one of these sizes, four times as many small ones.
    private const int Side = 128, SmallSide = 64;

    // One in this many steps has large images.
    // Small ones show as many objects in a quarter of the pixels, and the training of the transformer starts with them.
    private const int LargeEvery = 3;

    private const double LatentNoise = 0.2, EdgeWeight = 0.5, LatentWeight = 0.01;

    /// <summary>Five stages: a latent pixel covers 16 × 16 image pixels. The widest stages work on the smallest maps.</summary>
    public static AutoencoderDCConfig Config { get; } = CreateConfig([8, 16, 32, 64, 128], latentChannels: 16);

    /// <summary>Settings of the training of encoder and decoder.</summary>
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

    /// <summary>Settings of the training of the decoder alone that follows.</summary>
    public static TrainingOptions DecoderOptions { get; } = Options with { Steps = 6_000, LearningRate = 8e-4, Seed = 12 };

    /// <summary>Trains, or continues a training, and returns the autoencoder with its averaged weights.</summary>
    /// <param name="folder">The folder of checkpoint and log.</param>
    /// <param name="config">The config of the autoencoder.</param>
    /// <param name="options">The settings.</param>
    /// <param name="train">Whether to do the remaining steps; if not, the last checkpoint is used.</param>
    public static AutoencoderDCModule Train(string folder, AutoencoderDCConfig config, TrainingOptions options, bool train = true)
    {
        manual_seed((long)options.Seed);
        var network = new AutoencoderDCModule(config);
        using var run = new TrainingRun(folder, network, options);
        if (train)
            run.Train(step => Loss(network, Batch(step, options)));
        run.UseEma();
        return network;
    }

    /// <summary>A config with one block in every stage, with attention in the last stages.</summary>
    public static AutoencoderDCConfig CreateConfig(int[] widths, int latentChannels, int attentionStages = 2)
    {
        AutoencoderStage[] stages = [.. widths.Select((width, i) => new AutoencoderStage(i >= widths.Length - attentionStages, width, 1, [], "silu"))];
        return new()
        {
            InChannels = 3,
            LatentChannels = latentChannels,
            AttentionHeadDim = 16,
            Encoder = stages,
            Decoder = stages,
            EncoderOutShortcut = true,
            DecoderInShortcut = true,
            UpsamplesByShuffle = false,
            DecoderConvActFn = "relu",
            ScalingFactor = 1,
        };
    }

    // The images of a step: [b, 3, side, side].
    private static Tensor Batch(int step, TrainingOptions options)
    {
        var small = step % LargeEvery != 0;
        var (side, count) = small ? (SmallSide, 4 * options.BatchSize) : (Side, options.BatchSize);
        return ScenePictures.ToTensor(ScenePictures.Render((options.Seed << 32) + ((ulong)step * 64), count, side), side);
    }

    /// <summary>Trains the decoder alone, on the latents of the unchanged encoder. It ends with its averaged weights.</summary>
    /// <param name="network">The autoencoder; only its decoder changes.</param>
    /// <param name="folder">The folder of checkpoint and log.</param>
    /// <param name="options">The settings.</param>
    /// <param name="train">Whether to do the remaining steps; if not, the last checkpoint is used.</param>
    public static void TrainDecoder(AutoencoderDCModule network, string folder, TrainingOptions options, bool train)
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

    // The second term keeps the latents' channels near mean 0 and deviation 1 and uncorrelated, so that one scaling factor suits all of them.
    private static Tensor Loss(AutoencoderDCModule network, Tensor images)
    {
        var latents = network.Encode(images);
        return Difference(Reproduce(network, latents), images) + (LatentWeight * LatentLoss(latents));
    }

    private static Tensor Latents(AutoencoderDCModule network, Tensor images)
    {
        using var frozen = no_grad();
        return network.Encode(images);
    }

    // Noise on the latents makes the decoder robust to errors of the transformer.
    private static Tensor Reproduce(AutoencoderDCModule network, Tensor latents)
    {
        var scale = latents.detach().std() * (LatentNoise * rand(latents.shape[0], 1, 1, 1));
        return network.Decode(latents + (scale * randn_like(latents)));
    }

    // Absolute and squared errors of the pixels, and absolute errors of differences between neighbours, which keep edges sharp.
    private static Tensor Difference(Tensor images, Tensor originals)
    {
        var error = images - originals;
        var across = error.narrow(3, 1, error.shape[3] - 1) - error.narrow(3, 0, error.shape[3] - 1);
        var down = error.narrow(2, 1, error.shape[2] - 1) - error.narrow(2, 0, error.shape[2] - 1);
        return error.abs().mean() + error.square().mean() + (EdgeWeight * (across.abs().mean() + down.abs().mean()));
    }

    // Squared distance of the channels' means from 0 and of their covariance from the identity, per channel.
    private static Tensor LatentLoss(Tensor latents)
    {
        var values = latents.permute(0, 2, 3, 1).flatten(0, 2); // [b · h · w, channels]
        var (means, covariance) = (values.mean([0]), values.t().matmul(values) / values.shape[0]);
        return means.square().mean() + ((covariance - eye(values.shape[1])).square().sum() / values.shape[1]);
    }
}
