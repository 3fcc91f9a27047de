using System.Text.RegularExpressions;
using Sana.GraphBuilder.Safetensors;

namespace Sana.GraphBuilder.Configs;

/// <summary>A tensor that a config implies: its name in the checkpoint and its shape, outermost size first.</summary>
internal readonly record struct ExpectedTensor(string Name, params long[] Shape)
{
    public long Elements => Shape.Aggregate(1L, (product, size) => product * size);
}

/// <summary>
/// Checks that the tensors which a config implies are in the weights, and that there are no others: a config that does not belong to them would leave some unused
/// and paint another picture.
/// </summary>
internal static partial class CheckpointCheck
{
    private const int MostNamed = 4;

    /// <summary>Throws unless all these tensors are there, and none beside them but known leftovers: heads, masks, positions.</summary>
    /// <param name="weights">Of one network.</param>
    /// <param name="expected">What the config implies.</param>
    /// <param name="ignoreUnused">Whether others are left alone.</param>
    /// <exception cref="CheckpointException">A tensor is missing, has another shape, is not of float32, float16 or bfloat16, or is not used.</exception>
    public static void Require(this SafetensorsWeights weights, IEnumerable<ExpectedTensor> expected, bool ignoreUnused = false)
    {
        var used = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (name, shape) in expected)
        {
            used.Add(name);
            if (!weights.TryGet(name, out var found))
            {
                throw new CheckpointException(
                    $"{weights.Source} has no tensor {Quoted.Text(name)} of shape {Quoted.Shape(shape)}, which its config.json implies; "
                    + "fetch the whole checkpoint, or the config.json that belongs to it.");
            }

            if (!found.Shape.AsSpan().SequenceEqual(shape))
            {
                throw new CheckpointException(
                    $"{found.Place} has shape {Quoted.Shape(found.Shape)}, but its config.json implies {Quoted.Shape(shape)}; "
                    + "use the config.json that belongs to the weights.");
            }

            if (!found.Type.IsWeight())
                throw new CheckpointException($"{found.Place} is of type {found.Type}; the networks take F32, F16 and BF16: use the checkpoint that is not quantised.");
        }

        var unused = weights.Entries.Select(entry => entry.Name).Where(name => !used.Contains(name) && !Leftover().IsMatch(name)).Order(StringComparer.Ordinal).ToArray();
        if (unused.Length > 0 && !ignoreUnused)
        {
            var named = string.Join(", ", unused.Take(MostNamed).Select(Quoted.Text)) + (unused.Length > MostNamed ? $" and {unused.Length - MostNamed} more" : "");
            throw new CheckpointException(
                $"{weights.Source} has {unused.Length} {(unused.Length == 1 ? "tensor" : "tensors")} that its config.json has no use for: {named}; "
                + "use the config.json that belongs to the weights, or sana build --ignore-unused-tensors if they are leftovers.");
        }
    }

    // What published files carry beside their networks: the head of a language model, tables that are computed, causal masks, poolers, counters of training.
    [GeneratedRegex(@"(?:^|\.)(?:lm_head\..+|rotary_emb\.inv_freq|position_ids|pos_embed|pooler\.dense\.(?:weight|bias)|(?:attn|crossattention)\.(?:masked_)?bias|num_batches_tracked|logit_bias)\z")]
    private static partial Regex Leftover();
}
