using Sana.StillLife;
using Sana.StillLife.Captions;
using TinySana.Networks;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TinySana.Training;

/// <summary>
/// Classification heads that are trained beside a network's own task: what covers each patch, and what the whole picture shows.
/// With them an image encoder learns faster than from captions only. They are not part of the published checkpoint.
/// </summary>
internal sealed class SceneHeads : CheckpointModule
{
    private const double EmptyWeight = 0.25; // of patches without an object, which are most patches

    private readonly Linear _patch, _whole;

    public SceneHeads(int width)
        : base(nameof(SceneHeads))
    {
        _patch = At("patch", Linear(width, SceneTruth.PatchClasses.Sum()));
        _whole = At("whole", Linear(width, SceneTruth.Classes.Sum()));
    }

    /// <summary>Mean cross-entropy over the questions about patches, from the patches' states [b, n, d].</summary>
    public Tensor PatchLoss(Tensor states, SceneTruth truth)
    {
        var answers = _patch.forward(states).flatten(0, 1).split([.. SceneTruth.PatchClasses.Select(count => (long)count)], 1);
        var losses = answers.Select((logits, i) => functional.cross_entropy(logits, truth.Patches[.., .., i].flatten(), weight: Weights(SceneTruth.PatchClasses[i])));
        return losses.Aggregate((a, b) => a + b) / SceneTruth.PatchClasses.Count;
    }

    /// <summary>Mean cross-entropy over the questions about the whole picture, from one state for each picture [b, d].</summary>
    public Tensor WholeLoss(Tensor states, Tensor whole)
    {
        var answers = _whole.forward(states).split([.. SceneTruth.Classes.Select(count => (long)count)], 1);
        var sum = answers.Select((logits, i) => functional.cross_entropy(logits, whole[.., i], reduction: Reduction.Sum)).Aggregate((a, b) => a + b);
        return sum / (whole >= 0).sum();
    }

    private static Tensor Weights(int classes)
    {
        var weights = ones(classes);
        weights[classes - 1] = EmptyWeight;
        return weights;
    }
}

/// <summary>The correct answers to the questions of <see cref="SceneHeads"/>, as classes.</summary>
/// <param name="Patches">For every patch: shape, colour and size of the object that covers it, int64 [b, n, 3]. The last class of each means no object.</param>
/// <param name="Whole">For every scene: the answers in the order of <see cref="Classes"/>, int64 [b, 17]; −100 where a question does not apply.</param>
internal sealed record SceneTruth(Tensor Patches, Tensor Whole)
{
    /// <summary>Number of classes of each question about a patch.</summary>
    public static IReadOnlyList<int> PatchClasses { get; } = [9, 11, 4];

    /// <summary>
    /// Number of classes of each question about the whole: arrangement, count, tone, texture, place, then shape, colour and size of up to four objects in
    /// reading order.
    /// </summary>
    public static IReadOnlyList<int> Classes { get; } = [6, 4, 5, 5, 9, 8, 10, 3, 8, 10, 3, 8, 10, 3, 8, 10, 3];

    /// <summary>The class that torch's cross-entropy ignores.</summary>
    public const int Ignored = -100;

    public static SceneTruth Create(IReadOnlyList<Scene> scenes, int cells)
    {
        var patches = new long[scenes.Count * cells * cells * 3];
        var whole = new long[scenes.Count * Classes.Count];
        for (var i = 0; i < scenes.Count; i++)
        {
            Cover(scenes[i], cells, patches.AsSpan(i * cells * cells * 3));
            Answer(scenes[i], whole.AsSpan(i * Classes.Count, Classes.Count));
        }

        return new SceneTruth(tensor(patches).reshape(scenes.Count, cells * cells, 3), tensor(whole).reshape(scenes.Count, Classes.Count));
    }

    /// <summary>What the standard caption of a richness says of a scene, in the order of <see cref="Classes"/>; −100 where it says nothing.</summary>
    public static long[] StatedBy(Scene scene, Richness richness)
    {
        var said = new long[Classes.Count];
        Answer(scene, said);
        // Every caption states shapes and their number. Colours, places and arrangement, sizes and background come with increasing richness.
        for (var i = 0; i < said.Length; i++)
        {
            var from = i switch
            {
                1 => Richness.Bare,
                0 or 4 => Richness.Placed,
                2 or 3 => Richness.Rich,
                _ => (i % 3) switch { 2 => Richness.Bare, 0 => Richness.Terse, _ => Richness.Rich },
            };
            said[i] = richness < from ? Ignored : said[i];
        }

        return said;
    }

    private static void Cover(Scene scene, int cells, Span<long> patches)
    {
        for (var cell = 0; cell < cells * cells; cell++)
        {
            var (x, y) = (((cell % cells) + 0.5) / cells, ((cell / cells) + 0.5) / cells);
            var one = scene.Objects.MinBy(one => Distance(one, x, y))!;
            long[] answers = Distance(one, x, y) < one.Radius + (0.25 / cells) ? [(long)one.Shape, (long)one.Colour, (long)one.Size] : [8, 10, 3];
            answers.CopyTo(patches[(3 * cell)..]);
        }
    }

    private static double Distance(SceneObject one, double x, double y) => Math.Max(Math.Abs(one.X - x), Math.Abs(one.Y - y));

    private static void Answer(Scene scene, Span<long> whole)
    {
        whole.Fill(Ignored);
        (whole[0], whole[1]) = ((long)scene.Arrangement, scene.Objects.Count - 1);
        (whole[2], whole[3]) = ((long)scene.Background.Tone, (long)scene.Background.Texture);
        if (scene.Arrangement == Arrangement.Alone)
            whole[4] = (long)scene.Objects[0].Place;
        // The objects of a group are equal, so one of them is enough.
        var asked = scene.Arrangement == Arrangement.Group ? 1 : scene.Objects.Count;
        for (var i = 0; i < asked; i++)
        {
            var one = scene.Objects[i];
            (whole[5 + (3 * i)], whole[6 + (3 * i)], whole[7 + (3 * i)]) = ((long)one.Shape, (long)one.Colour, (long)one.Size);
        }
    }
}

/// <summary>A network together with the heads that are trained with it.</summary>
internal sealed class ModuleWithHeads<T> : CheckpointModule
    where T : Module
{
    /// <param name="name">Name of the network in the training's checkpoint.</param>
    /// <param name="network">The network that is published.</param>
    /// <param name="width">Width of the states that the heads read.</param>
    public ModuleWithHeads(string name, T network, int width)
        : base(nameof(ModuleWithHeads<>))
    {
        Network = At(name, network);
        Heads = At("heads", new SceneHeads(width));
    }

    public T Network { get; }

    public SceneHeads Heads { get; }
}
