using Microsoft.ML.OnnxRuntime;

namespace Sana.Inference.Diffusion;

/// <summary>
/// Perturbed-attention guidance (PAG, arXiv:2403.17377): each sample is computed a second time with the self-attention of some blocks replaced by its values, and the image is led away from
/// that. It can be used with the guidance of a negative prompt or alone. Sprint checkpoints have no use for it.
/// </summary>
/// <param name="Scale">How far, 0…100; 0 is without.</param>
/// <param name="AdaptiveScale">How much of <paramref name="Scale"/> is taken away for each unit of time passed, of 1000 to 0; 0…100. What remains is at least 0.</param>
public sealed record PerturbedAttention(float Scale, float AdaptiveScale = 0)
{
    private const float Most = 100;

    /// <value>Which blocks, from 0. Default the one in the middle; block 8 of networks of 20, as in the Sana authors' code.</value>
    public IReadOnlyList<int> Layers { get; init; } = [];

    /// <inheritdoc/>
    public bool Equals(PerturbedAttention? other) => other is not null && Scale.Equals(other.Scale) && AdaptiveScale.Equals(other.AdaptiveScale) && Layers.SequenceEqual(other.Layers);

    /// <inheritdoc/>
    public override int GetHashCode() => Layers.Aggregate(HashCode.Combine(Scale, AdaptiveScale), HashCode.Combine);

    /// <summary>The scale at a timestep, 1000…0.</summary>
    internal float At(float timestep) => Math.Max(0, Scale - (AdaptiveScale * (1000 - timestep)));

    /// <summary>The same with its blocks, sorted; null where it changes nothing.</summary>
    /// <exception cref="InferenceException">A value is out of its range, or the checkpoint has no use for it.</exception>
    internal PerturbedAttention? Resolve(CheckpointFacts facts)
    {
        if (Scale is not (>= 0 and <= Most))
            throw new InferenceException(FormattableString.Invariant($"Pag scale {Scale} is not a number in 0…{Most}; use 2, or 0 to leave it out."));
        if (AdaptiveScale is not (>= 0 and <= Most))
            throw new InferenceException(FormattableString.Invariant($"Pag adaptive scale {AdaptiveScale} is not a number in 0…{Most}; use 0, or such as 0.002."));
        if (Scale == 0)
            return null;
        if (facts.Solver == SolverKind.Scm)
            throw new InferenceException($"Pag does not fit {facts.Name}: perturbed-attention guidance leads the steps of a flow, and Sprint takes few steps of another kind; leave it out.");
        if (facts.Blocks == 0)
            throw new InferenceException($"Pag needs to know how many blocks {facts.Name} has, and its graphs are of an earlier version; run `sana build --force` on it.");
        int[] layers = Layers.Count == 0 ? [facts.Blocks == 20 ? 8 : facts.Blocks / 2] : [.. Layers.Distinct().Order()];
        return layers[0] >= 0 && layers[^1] < facts.Blocks
            ? this with { Layers = layers }
            : throw new InferenceException($"Pag layers {string.Join(", ", Layers)} are not in 0…{facts.Blocks - 1}, the blocks of {facts.Name}.");
    }
}

/// <summary>The inputs of one evaluation with perturbed attention: the last samples are copied before the first perturbed block, and the copies are perturbed.</summary>
internal sealed class PerturbedInputs : IDisposable
{
    private readonly List<OrtValue> _owned = [];

    /// <param name="layers">The perturbed blocks, sorted.</param>
    /// <param name="blocks">How many the network has.</param>
    /// <param name="given">Samples that go in.</param>
    /// <param name="copied">How many of them, the last ones, are computed a second time.</param>
    public PerturbedInputs(IReadOnlyList<int> layers, int blocks, long given, long copied)
    {
        (FirstBlock, Copied) = (layers[0], copied);
        var (from, to, all) = (Number(given - copied), Number(given), Number(given));
        List<(string, OrtValue)> values = [("norm_out.shared_from", from), ("norm_out.shared_to", to)];
        foreach (var block in Enumerable.Range(layers[0], blocks - layers[0]))
        {
            values.Add(($"transformer_blocks.{block}.shared_from", from));
            values.Add(($"transformer_blocks.{block}.shared_to", to));
        }

        values.Add(($"transformer_blocks.{layers[0]}.copied_from", from));
        values.Add(($"transformer_blocks.{layers[0]}.copied_to", to));
        values.AddRange(layers.Select(block => ($"transformer_blocks.{block}.perturbed_from", all)));
        Values = values;
    }

    /// <summary>The block before which samples are copied.</summary>
    public int FirstBlock { get; }

    /// <summary>How many samples, the last ones, are copied.</summary>
    public long Copied { get; }

    public IReadOnlyList<(string Name, OrtValue Value)> Values { get; }

    public void Dispose() => _owned.ForEach(value => value.Dispose());

    private OrtValue Number(long number)
    {
        var value = OrtValue.CreateTensorValueFromMemory(new[] { number }, [1]);
        _owned.Add(value);
        return value;
    }
}
