using Sana.GraphBuilder.Configs;
using Sana.StillLife.Captions;
using TinySana.Networks;
using TinySana.Publishing;
using TinySana.Torch;
using static TorchSharp.torch;

namespace TinySana.Training;

/// <summary>
/// The transformer: low resolution first, where a step costs a quarter, then the size that the checkpoint is for. Beside the velocity its states halfway through answer which object covers each latent
/// cell: states that are aligned with what the picture means need fewer steps (REPA, arXiv:2410.06940, which takes the meaning from another network; here the scene is known).
/// </summary>
internal sealed class TransformerTraining(string checkpoint, string artifacts, LatentCode code)
{
    private const double Guidance = 4.5;
    private const int SolverSteps = 20;

    /// <summary>Weight of the questions of fact beside the velocity.</summary>
    private const double Facts = 0.25;

    /// <summary>Scenes of the stages have seeds from here on.</summary>
    public const ulong FirstScene = 1UL << 32;

    private static readonly string[] Sheet =
    [
        "a red circle", "a blue square", "a yellow star in the middle", "a large green heart on the left", "a purple moon at the top right", "a small black ring at the bottom left",
        "a red circle to the left of a blue square", "a green star above a pink heart", "a yellow moon below a purple cross", "a brown ring and a teal triangle",
        "two red stars", "three green circles", "four blue hearts", "three orange crosses", "a sign that says \"sun\" above a red heart", "a red circle, a green square and a blue star in a row",
    ];

    /// <summary>One resolution of the training.</summary>
    /// <param name="Side">Pixels.</param>
    /// <param name="Scenes">How many different ones.</param>
    /// <param name="Until">Steps done, in all, when it ends.</param>
    /// <param name="Batch">Scenes in a step.</param>
    public sealed record Stage(int Side, int Scenes, int Until, int Batch);

    private string Folder => Path.Combine(artifacts, Name);

    /// <summary>Of the folder with checkpoint, log and sheets.</summary>
    public string Name { get; init; } = "transformer";

    /// <summary>From low to high; the last is what the checkpoint is for.</summary>
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

    /// <summary>What a scene is called.</summary>
    public CaptionSource Captions { get; init; } = (_, scene, random) => CaptionGrammar.Paraphrase(scene, random);

    // In latent cells.
    private int Side => Stages[^1].Side / code.Compression;

    public static SanaTransformerConfig Config(int channels, int side) => new()
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

    /// <summary>Trains, or goes on where a run was cut, and writes the checkpoint's folders.</summary>
    /// <param name="train">Whether to do the steps that are left; else the averaged weights of the last checkpoint are written.</param>
    public void Run(bool train = true) => TransformerFolder.Write(checkpoint, Train(train), Config(code.Channels, Side), FlowMatching.Shift);

    /// <summary>The averaged weights after all steps, or with <paramref name="train"/> unset those of the last checkpoint.</summary>
    public SanaTransformer Train(bool train = true)
    {
        random.manual_seed((long)Options.Seed);
        var config = Config(code.Channels, Side);
        var learner = new Learner<SanaTransformer>("transformer", new SanaTransformer(config), config.Width);
        using var run = new TrainingRun(Folder, learner, Options);
        if (train)
            Train(run, learner);
        run.UseEma();
        return learner.Network;
    }

    /// <summary>Makes what the stages read; training does it when it comes to it.</summary>
    public void Prepare()
    {
        foreach (var stage in Stages)
            Latents(stage);
    }

    private void Train(TrainingRun run, Learner<SanaTransformer> learner)
    {
        Lazy<SceneLatents>[] scenes = [.. Stages.Select(stage => new Lazy<SceneLatents>(() => Latents(stage)))];
        var prompts = new PromptStates(checkpoint);
        var batches = new TransformerBatches(prompts, Captions, Options.Seed);
        run.Train(
            step =>
            {
                var stage = Stages.TakeWhile(one => one.Until <= step).Count();
                var batch = batches.Draw(scenes[stage].Value, step, Stages[stage].Batch);
                var (velocity, halfway) = FlowMatching.Loss(learner.Network, batch.Latents, batch.Text, batch.Mask);
                var cells = (int)batch.Latents.shape[^1];
                return velocity + (Facts * learner.Heads.PatchLoss(halfway, SceneTruth.Of(batch.Scenes, cells)));
            },
            step => run.WithEma(() => SaveSheet(Path.Combine(Folder, $"{step:D6}.png"), new FlowSampler(learner.Network, prompts), Stages.First(stage => stage.Until >= step).Side)));
    }

    private SceneLatents Latents(Stage stage) => SceneLatents.Prepare(Path.Combine(artifacts, "latents", code.Digest), code.Encode, stage.Side, FirstScene, stage.Scenes);

    private void SaveSheet(string path, FlowSampler sampler, int side)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var latents = sampler.Sample([.. Sheet, .. PromptFollowing.Prompts.Select(prompt => prompt.Text)], code.Channels, side / code.Compression, SolverSteps, Guidance, seed: 1);
        var pictures = ScenePictures.ToBytes(code.Decode(latents));
        ContactSheet.Save(path, pictures[..(2 * Sheet.Length)], side, columns: 8);
        Console.WriteLine($"{Path.GetFileNameWithoutExtension(path)}: {PromptFollowing.Shares(pictures[Sheet.Length..], side)}");
    }
}
