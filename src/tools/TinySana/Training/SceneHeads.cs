using TinySana.Networks;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TinySana.Training;

/// <summary>
/// Questions of fact that an image tower answers while it learns, beside its task: what covers each patch, and what the whole shows. Captions alone say where to look
/// only by and by; this says it at once. The heads are not part of the checkpoint.
/// </summary>
internal sealed class SceneHeads : Network
{
    private const double Empty = 0.25; // of an uncovered patch: most are

    private readonly Linear _patch;
    private readonly Linear _whole;

    public SceneHeads(int width)
        : base(nameof(SceneHeads))
    {
        _patch = At("patch", Linear(width, SceneTruth.PatchClasses.Sum()));
        _whole = At("whole", Linear(width, SceneTruth.Classes.Sum()));
    }

    /// <summary>Mean cross entropy of the questions about patches, from their states [b, n, d].</summary>
    public Tensor PatchLoss(Tensor states, SceneTruth truth)
    {
        var answers = _patch.forward(states).flatten(0, 1).split([.. SceneTruth.PatchClasses.Select(count => (long)count)], 1);
        return Mean(answers.Select((logits, i) => functional.cross_entropy(logits, truth.Patches[.., .., i].flatten(), weight: Weights(SceneTruth.PatchClasses[i]))));
    }

    /// <summary>Mean cross entropy of the questions about the whole, from the class token's states [b, d].</summary>
    public Tensor WholeLoss(Tensor states, Tensor whole)
    {
        var answers = _whole.forward(states).split([.. SceneTruth.Classes.Select(count => (long)count)], 1);
        var sum = answers.Select((logits, i) => functional.cross_entropy(logits, whole[.., i], reduction: Reduction.Sum)).Aggregate((a, b) => a + b);
        return sum / (whole >= 0).sum();
    }

    private static Tensor Weights(int classes)
    {
        var weights = ones(classes);
        weights[classes - 1] = Empty;
        return weights;
    }

    private static Tensor Mean(IEnumerable<Tensor> losses) => losses.Aggregate((a, b) => a + b) / SceneTruth.PatchClasses.Count;
}
