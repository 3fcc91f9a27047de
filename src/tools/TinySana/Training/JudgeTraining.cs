using Sana.StillLife;
using TinySana.Networks;
using TinySana.Scenes;
using TinySana.Torch;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TinySana.Training;

/// <summary>Trains the classifier that tells pictures with a card of letters from others.</summary>
internal static class LetteringTraining
{
    private static readonly VisionSizes Sizes = new(Width: 64, Layers: 2, Heads: 2, Side: 64, Patch: 8);

    private static readonly TrainingOptions Options =
        new() { Steps = 300, BatchSize = 64, LearningRate = 1e-3, WarmUp = 30, CheckpointEvery = 100, EmaDecay = 0.98, Seed = 41 };

    /// <summary>Of the outputs.</summary>
    public static IReadOnlyList<string> Labels { get; } = ["none", "lettering"];

    /// <summary>Trains, or continues a training, and returns the classifier with its averaged weights.</summary>
    /// <param name="folder">The folder of checkpoint and log.</param>
    public static ClassifierModule Run(string folder)
    {
        manual_seed((long)Options.Seed);
        var classifier = new ClassifierModule(Sizes, Labels.Count);
        using var run = new TrainingRun(folder, classifier, Options);
        run.Train(step => Loss(classifier, step));
        run.UseEma();
        return classifier;
    }

    // Every second picture has a card.
    private static Tensor Loss(ClassifierModule classifier, int step)
    {
        var scenes = TrainingScenes.Draw(Options.Seed, step, Options.BatchSize);
        var random = new SceneRandom((Options.Seed << 40) + (ulong)step);
        for (var i = 0; i < scenes.Length; i += 2)
            scenes[i] = Sign(random);
        var labels = tensor(Array.ConvertAll(scenes, scene => scene.Word is null ? 0L : 1L)); // [b]
        var logits = classifier.Forward(ScenePictures.Augment(ScenePictures.Pixels(scenes, Sizes.Side))); // [b, 2]
        return functional.cross_entropy(logits, labels);
    }

    private static Scene Sign(SceneRandom random)
    {
        while (true)
        {
            if (SceneGenerator.Draw(Arrangement.Sign, random) is var scene && !HeldOut.Contains(scene))
                return scene;
        }
    }
}

/// <summary>Trains the layers that read from a vector of CLIP how tidy a scene is.</summary>
internal static class TidinessTraining
{
    private const int Batches = 96;
    private const int BatchSize = 64;

    private static readonly TrainingOptions Options =
        new() { Steps = 2_000, BatchSize = 256, LearningRate = 2e-3, WarmUp = 50, CheckpointEvery = 500, EmaDecay = 0.99, Seed = 42 };

    /// <summary>Trains, or continues a training, and returns the layers with their averaged weights.</summary>
    /// <param name="folder">The folder of checkpoint and log.</param>
    /// <param name="clip">Trained; it stays as it is.</param>
    public static AestheticModule Run(string folder, ClipModule clip)
    {
        var (vectors, truth) = Examples(clip);
        manual_seed((long)Options.Seed);
        var head = new AestheticModule(clip.Sizes.Projection);
        using var run = new TrainingRun(folder, head, Options);
        run.Train(_ =>
        {
            var rows = randint(0, Batches * BatchSize, [Options.BatchSize], dtype: ScalarType.Int64);
            return functional.mse_loss(head.Forward(vectors.index_select(0, rows)), truth.index_select(0, rows));
        });
        run.UseEma();
        return head;
    }

    // Vectors of length 1 [n, p] of augmented pictures, and how tidy their scenes are [n].
    private static (Tensor Vectors, Tensor Truth) Examples(ClipModule clip)
    {
        using var noGradient = no_grad();
        var (vectors, truth) = (new List<Tensor>(), new List<float>());
        for (var batch = 0; batch < Batches; batch++)
        {
            using var scope = NewDisposeScope();
            manual_seed((long)((Options.Seed << 32) + (ulong)batch));
            var scenes = TrainingScenes.Draw(Options.Seed, batch, BatchSize);
            var pixels = ScenePictures.Augment(ScenePictures.Pixels(scenes, clip.Sizes.Vision.Side));
            vectors.Add(functional.normalize(clip.Vision.Embed(clip.Vision.Encode(pixels)), dim: 1).MoveToOuterDisposeScope());
            truth.AddRange(scenes.Select(scene => (float)Tidiness.Of(scene)));
        }

        return (cat(vectors, 0), tensor(truth.ToArray()));
    }
}
