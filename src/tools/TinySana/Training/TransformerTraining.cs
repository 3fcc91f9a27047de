using System.Globalization;
using Sana.GraphBuilder.Configs;
using Sana.StillLife.Captions;
using TinySana.Networks;
using TinySana.Publishing;
using TinySana.Torch;
using static TorchSharp.torch;

namespace TinySana.Training;

/// <summary>The transformer: low resolution first, where a step costs a quarter, then the size that the checkpoint is for.</summary>
internal sealed class TransformerTraining(string checkpoint, string artifacts, LatentCode code)
{
    private const double Guidance = 4.5;
    private const int SolverSteps = 20;
    private const int Measured = 48;

    /// <summary>Scenes of the stages have seeds from here on.</summary>
    private const ulong FirstScene = 1UL << 32;

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

    private string Folder => Path.Combine(artifacts, "transformer");

    /// <summary>From low to high; the last is what the checkpoint is for.</summary>
    public IReadOnlyList<Stage> Stages { get; init; } = [new(Side: 64, Scenes: 32_768, Until: 1_000, Batch: 128), new(Side: 128, Scenes: 32_768, Until: 4_000, Batch: 64)];

    public TrainingOptions Options { get; init; } = new()
    {
        Steps = 4_000,
        BatchSize = 64,
        LearningRate = 2e-3,
        WarmUp = 200,
        WeightDecay = 0.01,
        EmaDecay = 0.998,
        CheckpointEvery = 500,
        Seed = 5,
    };

    /// <summary>What a scene is called.</summary>
    public CaptionSource Captions { get; init; } = (_, scene, random) => CaptionGrammar.Paraphrase(scene, random);

    /// <summary>Of the part after the stages, in which most scenes have several objects.</summary>
    public TrainingOptions SeveralOptions { get; init; } = new()
    {
        Steps = 900,
        BatchSize = 64,
        LearningRate = 1e-3,
        WarmUp = 40,
        WeightDecay = 0.01,
        EmaDecay = 0.99,
        CheckpointEvery = 300,
        Seed = 6,
    };

    /// <summary>What a scene is called in that part: half of the time its kinds alone.</summary>
    public CaptionSource SeveralCaptions { get; init; } = (_, scene, random) =>
        random.Chance(0.5) ? CaptionGrammar.Paraphrase(scene, Richness.Plain, random) : CaptionGrammar.Paraphrase(scene, random);

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
    public void Run(bool train = true)
    {
        random.manual_seed((long)Options.Seed);
        var config = Config(code.Channels, Stages[^1].Side / code.Compression);
        using var network = new SanaTransformer(config);
        using var run = new TrainingRun(Folder, network, Options);
        if (train)
            Train(run, network);
        run.UseEma();
        TrainSeveral(network, train);
        TransformerFolder.Write(checkpoint, network, config, FlowMatching.Shift);
    }

    // On from the averaged weights with its own learning rate: which colour is whose takes longest to learn, above all where a caption leaves open how two objects stand.
    private void TrainSeveral(SanaTransformer network, bool train)
    {
        using var run = new TrainingRun(Folder + "-several", network, SeveralOptions);
        var (prompts, last) = (new PromptStates(checkpoint), Stages[^1]);
        var batches = new TransformerBatches(prompts, SeveralCaptions, SeveralOptions.Seed);
        var scenes = new Lazy<SceneLatents>(() => Latents(last));
        if (train)
        {
            run.Train(
                step =>
                {
                    var (latents, text, mask) = batches.Draw(scenes.Value, step, last.Batch, several: true);
                    return FlowMatching.Loss(network, latents, text, mask);
                },
                step => run.WithEma(() => SaveSheet(Path.Combine(Folder + "-several", $"{step:D6}.png"), new FlowSampler(network, prompts), last.Side)));
        }

        run.UseEma();
    }

    /// <summary>Makes what the stages read; training does it when it comes to it.</summary>
    public void Prepare()
    {
        foreach (var stage in Stages)
            Latents(stage);
    }

    private void Train(TrainingRun run, SanaTransformer network)
    {
        Lazy<SceneLatents>[] scenes = [.. Stages.Select(stage => new Lazy<SceneLatents>(() => Latents(stage)))];
        var prompts = new PromptStates(checkpoint);
        var batches = new TransformerBatches(prompts, Captions, Options.Seed);
        run.Train(
            step =>
            {
                var stage = Stages.TakeWhile(one => one.Until <= step).Count();
                var (latents, text, mask) = batches.Draw(scenes[stage].Value, step, Stages[stage].Batch);
                return FlowMatching.Loss(network, latents, text, mask);
            },
            step => run.WithEma(() => SaveSheet(Path.Combine(Folder, $"{step:D6}.png"), new FlowSampler(network, prompts), Stages.First(stage => stage.Until >= step).Side)));
    }

    private SceneLatents Latents(Stage stage) => SceneLatents.Prepare(Path.Combine(artifacts, "latents"), code.Encode, stage.Side, FirstScene, stage.Scenes);

    private void SaveSheet(string path, FlowSampler sampler, int side)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var drawn = PromptFollowing.Prompts(Measured);
        var latents = sampler.Sample([.. Sheet, .. drawn.Select(one => one.Prompt)], code.Channels, side / code.Compression, SolverSteps, Guidance, seed: 1);
        var pictures = ScenePictures.ToBytes(code.Decode(latents));
        ContactSheet.Save(path, pictures[..(2 * Sheet.Length)], side, columns: 8);
        var share = PromptFollowing.Share(pictures[Sheet.Length..], drawn.Select(one => one.Scene), side);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Path.GetFileNameWithoutExtension(path)}: {share:p0} of {Measured} prompts"));
    }
}
