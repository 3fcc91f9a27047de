using Sana.StillLife.Captions;
using TinySana.Networks;
using TinySana.Tokenizers;
using TinySana.Torch;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TinySana.Training;

/// <summary>One captioner: its sizes, its style and how long it learns.</summary>
internal sealed record CaptionerRecipe
{
    /// <summary>Of the checkpoint's folder.</summary>
    public required string Name { get; init; }

    /// <summary>The encoder.</summary>
    public required VisionOptions Vision { get; init; }

    /// <summary>Layers of the decoder.</summary>
    public required int DecoderLayers { get; init; }

    /// <summary>What its captions say; each as often as it stands here.</summary>
    public required Richness[] Styles { get; init; }

    /// <summary>Weight of the questions of fact (<see cref="SceneHeads"/>) beside the captions.</summary>
    public required double Facts { get; init; }

    public required TrainingOptions Training { get; init; }

    /// <summary>Longest caption in tokens, the start token included.</summary>
    public const int Positions = 64;

    /// <summary>The stronger one: it says size, kind, place and background.</summary>
    public static CaptionerRecipe Rich { get; } = new()
    {
        Name = "tiny-captioner-rich",
        Vision = new VisionOptions(Width: 128, Layers: 4, Heads: 4, SceneImages.Side, Patch: 16),
        DecoderLayers = 3,
        Styles = [Richness.Rich, Richness.Rich, Richness.Rich, Richness.Placed],
        Facts = 1,
        Training = new TrainingOptions { Steps = 2_200, BatchSize = 64, LearningRate = 1.5e-3, WarmUp = 60, CheckpointEvery = 100, EmaDecay = 0.99, Seed = 31 },
    };

    /// <summary>The weaker one: smaller images, keywords, and it stops learning while it still errs.</summary>
    public static CaptionerRecipe Terse { get; } = new()
    {
        Name = "tiny-captioner-terse",
        Vision = new VisionOptions(Width: 64, Layers: 3, Heads: 2, Side: 64, Patch: 8),
        DecoderLayers = 2,
        Styles = [Richness.Terse],
        Facts = 1,
        Training = new TrainingOptions { Steps = 1_000, BatchSize = 64, LearningRate = 2e-3, WarmUp = 60, CheckpointEvery = 200, EmaDecay = 0.99, Seed = 32 },
    };
}

/// <summary>Trains a captioner on scenes and captions that are true of them.</summary>
internal static class CaptionerTraining
{
    /// <summary>Trains, or goes on training, and gives the captioner with its averaged weights.</summary>
    /// <param name="recipe">Which one.</param>
    /// <param name="folder">Where checkpoint and log are.</param>
    /// <param name="tokenizer">Of its captions.</param>
    /// <param name="train">Whether steps that are left are done; else the last checkpoint is taken as it is.</param>
    public static Learner<Captioner> Run(CaptionerRecipe recipe, string folder, Gpt2Tokenizer tokenizer, bool train = true)
    {
        manual_seed((long)recipe.Training.Seed);
        var captioner = new Captioner(new CaptionerOptions(recipe.Vision, recipe.DecoderLayers, tokenizer.Size, CaptionerRecipe.Positions));
        var learner = new Learner<Captioner>("captioner", captioner, recipe.Vision.Width);
        using var run = new TrainingRun(folder, learner, recipe.Training);
        if (train)
            run.Train(step => Loss(learner, recipe, tokenizer, step));
        run.UseEma();
        return learner;
    }

    private static Tensor Loss(Learner<Captioner> learner, CaptionerRecipe recipe, Gpt2Tokenizer tokenizer, int step)
    {
        var scenes = SceneStream.Of(recipe.Training.Seed, step, recipe.Training.BatchSize);
        var captions = CaptionBatch.Of(scenes.Select((scene, i) => CaptionGrammar.Describe(scene, recipe.Styles[i % recipe.Styles.Length])), tokenizer);
        var states = learner.Network.Encode(SceneImages.Worn(SceneImages.Pixels(scenes, recipe.Vision.Side)));
        var logits = learner.Network.Decode(captions.Ids, states);
        var loss = functional.cross_entropy(logits.flatten(0, 1), captions.Next.flatten());
        var truth = SceneTruth.Of(scenes, recipe.Vision.Cells);
        return loss + ((learner.Heads.PatchLoss(states[.., 1..], truth) + learner.Heads.WholeLoss(states[.., 0], truth.Whole)) * recipe.Facts);
    }
}
