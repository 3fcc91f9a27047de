using Sana.StillLife.Captions;
using TinySana.Networks;
using TinySana.Scenes;
using TinySana.Tokenizers;
using TinySana.Torch;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TinySana.Training;

/// <summary>A captioner: its sizes, its captions and its training.</summary>
/// <param name="Name">Name of the checkpoint's folder.</param>
/// <param name="Vision">The encoder.</param>
/// <param name="DecoderLayers">Layers of the decoder.</param>
/// <param name="Styles">The richness of its captions. Training uses each entry equally often.</param>
/// <param name="Training">The settings of its training.</param>
internal sealed record CaptionerRecipe(string Name, VisionSizes Vision, int DecoderLayers, Richness[] Styles, TrainingOptions Training)
{
    /// <summary>Longest caption in tokens, the start token included.</summary>
    public const int Positions = 64;

    /// <summary>The stronger captioner: it states size, colour, shape, place and background.</summary>
    public static CaptionerRecipe Rich { get; } = new(
        "tiny-captioner-rich",
        new VisionSizes(Width: 128, Layers: 4, Heads: 4, ScenePictures.Side, Patch: 16),
        DecoderLayers: 3,
        [Richness.Rich, Richness.Rich, Richness.Rich, Richness.Placed],
        new TrainingOptions { Steps = 2_200, BatchSize = 64, LearningRate = 1.5e-3, WarmUp = 60, CheckpointEvery = 100, EmaDecay = 0.99, Seed = 31 });

    /// <summary>The weaker captioner: smaller images, only keywords, and a short training after which it still makes errors.</summary>
    public static CaptionerRecipe Terse { get; } = new(
        "tiny-captioner-terse",
        new VisionSizes(Width: 64, Layers: 3, Heads: 2, Side: 64, Patch: 8),
        DecoderLayers: 2,
        [Richness.Terse],
        new TrainingOptions { Steps = 1_000, BatchSize = 64, LearningRate = 2e-3, WarmUp = 60, CheckpointEvery = 200, EmaDecay = 0.99, Seed = 32 });
}

/// <summary>Trains a captioner on scenes and true captions.</summary>
internal static class CaptionerTraining
{
    /// <summary>Trains, or continues a training, and returns the captioner with its averaged weights.</summary>
    /// <param name="recipe">The captioner.</param>
    /// <param name="folder">The folder of checkpoint and log.</param>
    /// <param name="tokenizer">The tokenizer of its captions.</param>
    /// <param name="train">Whether to do the remaining steps; if not, the last checkpoint is used.</param>
    public static ModuleWithHeads<CaptionerModule> Run(CaptionerRecipe recipe, string folder, Gpt2Tokenizer tokenizer, bool train)
    {
        manual_seed((long)recipe.Training.Seed);
        var captioner = new CaptionerModule(new CaptionerSizes(recipe.Vision, recipe.DecoderLayers, tokenizer.Size, CaptionerRecipe.Positions));
        var model = new ModuleWithHeads<CaptionerModule>("captioner", captioner, recipe.Vision.Width);
        using var run = new TrainingRun(folder, model, recipe.Training);
        if (train)
            run.Train(step => Loss(model, recipe, tokenizer, step));
        run.UseEma();
        return model;
    }

    private static Tensor Loss(ModuleWithHeads<CaptionerModule> model, CaptionerRecipe recipe, Gpt2Tokenizer tokenizer, int step)
    {
        var scenes = TrainingScenes.Draw(recipe.Training.Seed, step, recipe.Training.BatchSize);
        var captions = CaptionBatch.Create(scenes.Select((scene, i) => CaptionGrammar.Describe(scene, recipe.Styles[i % recipe.Styles.Length])), tokenizer);
        var states = model.Network.Encode(ScenePictures.Augment(ScenePictures.Pixels(scenes, recipe.Vision.Side)));
        var logits = model.Network.Decode(captions.Ids, states);
        var loss = functional.cross_entropy(logits.flatten(0, 1), captions.Next.flatten());
        var truth = SceneTruth.Create(scenes, recipe.Vision.Cells);
        return loss + (model.Heads.PatchLoss(states[.., 1..], truth) + model.Heads.WholeLoss(states[.., 0], truth.Whole));
    }
}

/// <summary>Captions as inputs and targets of the decoder.</summary>
/// <param name="Ids">The inputs: start token and caption, int64 [b, s].</param>
/// <param name="Next">The targets: caption and end token, int64 [b, s]; −100 after the end.</param>
internal sealed record CaptionBatch(Tensor Ids, Tensor Next)
{
    public static CaptionBatch Create(IEnumerable<string> captions, Gpt2Tokenizer tokenizer)
    {
        var texts = captions.Select(tokenizer.Encode).ToArray();
        var (b, s) = (texts.Length, texts.Max(text => text.Length) + 1);
        var (ids, next) = (new long[b * s], new long[b * s]);
        ids.AsSpan().Fill(tokenizer.EndId);
        next.AsSpan().Fill(SceneTruth.Ignored);
        for (var i = 0; i < b; i++)
        {
            for (var j = 0; j < texts[i].Length; j++)
                ids[(i * s) + j + 1] = next[(i * s) + j] = texts[i][j];
            next[(i * s) + texts[i].Length] = tokenizer.EndId;
        }

        return new CaptionBatch(tensor(ids).reshape(b, s), tensor(next).reshape(b, s));
    }
}
