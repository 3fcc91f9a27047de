using Sana.GraphBuilder.Configs;
using Sana.StillLife.Captions;
using TinySana.Networks;
using TinySana.Publishing;
using TinySana.Torch;
using static TorchSharp.torch;

namespace TinySana.Training;

/// <summary>
/// Trains the transformer: first at low resolution, where a step costs a quarter, then at the resolution of the checkpoint.
/// Besides the velocity it learns to classify, from the states after half of its blocks, which object covers each latent cell.
/// That needs fewer steps, as in REPA (arXiv:2410.06940), which aligns these states with another network's.
/// </summary>
internal sealed class TransformerTraining(string checkpoint, string artifacts, FrozenAutoencoder autoencoder)
{
    /// <summary>The scheduler's flow_shift.</summary>
    public const double FlowShift = 3;

    // Weight of the loss of SceneHeads; that of the velocity has 1.
    private const double HeadsWeight = 0.25;

    /// <summary>Seed of the first scene of every stage.</summary>
    public const ulong FirstScene = 1UL << 32;

    /// <summary>One resolution of the training.</summary>
    /// <param name="Side">Side of the pictures in pixels.</param>
    /// <param name="Scenes">Number of different scenes.</param>
    /// <param name="Until">The step of the training at which it ends.</param>
    /// <param name="Batch">Number of scenes in a step.</param>
    public sealed record Stage(int Side, int Scenes, int Until, int Batch);

    private string Folder => Path.Combine(artifacts, Name);

    /// <summary>Name of the folder with checkpoint, log and sample sheets.</summary>
    public string Name { get; init; } = "transformer";

    /// <summary>The stages, from low to high resolution. The last one has the resolution of the checkpoint.</summary>
    public IReadOnlyList<Stage> Stages { get; init; } = [new(Side: 64, Scenes: 32_768, Until: 1_200, Batch: 96), new(Side: 128, Scenes: 32_768, Until: 6_400, Batch: 64)];

    public TrainingOptions Options { get; init; } = new()
    {
        Steps = 6_400,
        BatchSize = 64,
        LearningRate = 2e-3,
        WarmUp = 200,
        WeightDecay = 0.01,
        EmaDecay = 0.998,
        CheckpointEvery = 400,
        Seed = 5,
    };

    /// <summary>Gives the caption of a scene.</summary>
    public CaptionSource Captions { get; init; } = (_, scene, random) => CaptionGrammar.Paraphrase(scene, random);

    // Side of the latents at the resolution of the checkpoint.
    private int Side => Stages[^1].Side / autoencoder.Compression;

    private static SanaTransformerConfig Config(int channels, int side) => new()
    {
        InChannels = channels,
        NumLayers = 8,
        NumAttentionHeads = 4,
        AttentionHeadDim = 32,
        NumCrossAttentionHeads = 4,
        CrossAttentionHeadDim = 32,
        CaptionChannels = 128,
        MlpRatio = 2.5,
        NormEps = 1e-6,
        SampleSize = side,
        InterpolationScale = 1,
        QkNorm = false,
        GuidanceEmbeds = false,
        GuidanceEmbedsScale = 0.1,
        TimestepScale = 1,
    };

    /// <summary>Trains, or continues a training, and writes the checkpoint's folders.</summary>
    /// <param name="train">Whether to do the remaining steps; if not, the last checkpoint is used.</param>
    public void Run(bool train) => TransformerFolder.Write(checkpoint, Train(train), Config(autoencoder.Channels, Side), FlowShift);

    /// <summary>Trains, or continues a training, and returns the transformer with its averaged weights.</summary>
    public SanaTransformerModule Train(bool train = true)
    {
        random.manual_seed((long)Options.Seed);
        var config = Config(autoencoder.Channels, Side);
        var model = new ModuleWithHeads<SanaTransformerModule>("transformer", new SanaTransformerModule(config), config.Width);
        using var run = new TrainingRun(Folder, model, Options);
        if (train)
            Train(run, model);
        run.UseEma();
        return model.Network;
    }

    /// <summary>Makes the latents of all stages. Without this call, training makes them when it needs them.</summary>
    public void PrepareLatents()
    {
        foreach (var stage in Stages)
            Latents(stage);
    }

    private void Train(TrainingRun run, ModuleWithHeads<SanaTransformerModule> model)
    {
        Lazy<SceneLatents>[] scenes = [.. Stages.Select(stage => new Lazy<SceneLatents>(() => Latents(stage)))];
        var prompts = new TrainingPromptEncoder(checkpoint);
        var batches = new TransformerBatches(prompts, Captions, Options.Seed);
        var sheet = new PromptSheet(prompts, autoencoder);
        run.Train(
            step =>
            {
                var stage = Stages.TakeWhile(one => one.Until <= step).Count();
                var batch = batches.Draw(scenes[stage].Value, step, Stages[stage].Batch);
                var (velocity, halfway) = VelocityLoss(model.Network, batch.Latents, batch.Text, batch.Mask);
                var cells = (int)batch.Latents.shape[^1];
                return velocity + (HeadsWeight * model.Heads.PatchLoss(halfway, SceneTruth.Create(batch.Scenes, cells)));
            },
            step => run.WithEma(() => sheet.Save(Path.Combine(Folder, $"{step:D6}.png"), model.Network, Stages.First(stage => stage.Until >= step).Side)));
    }

    private SceneLatents Latents(Stage stage) => SceneLatents.Load(Path.Combine(artifacts, "latents", autoencoder.Digest), autoencoder.Encode, stage.Side, FirstScene, stage.Scenes);

    /// <summary>
    /// Flow matching (Sana, arXiv:2410.10629, section 3.2; Esser et al., arXiv:2403.03206): for x = (1 − σ)·x₀ + σ·ε the network learns the velocity ε − x₀.
    /// The noise level σ is logit-normal, shifted towards noise.
    /// </summary>
    /// <returns>The mean squared error, and the network's states after half of its blocks [b, n, d].</returns>
    public static (Tensor Loss, Tensor Halfway) VelocityLoss(SanaTransformerModule network, Tensor latents, Tensor text, Tensor mask)
    {
        var level = randn(latents.shape[0]).sigmoid(); // [b]
        var sigma = level * FlowShift / (1 + (level * (FlowShift - 1)));
        var noise = randn_like(latents);
        var at = sigma.view(-1, 1, 1, 1);
        var (velocity, halfway) = network.Forward(((1 - at) * latents) + (at * noise), sigma * 1000, text, mask);
        return (nn.functional.mse_loss(velocity, noise - latents), halfway);
    }
}
