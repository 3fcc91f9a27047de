using Sana.GraphBuilder.Safetensors;

namespace Sana.GraphBuilder.Configs;

/// <summary>A tensor that a config implies: its name in the checkpoint and its shape, outermost size first.</summary>
internal readonly record struct ExpectedTensor(string Name, params long[] Shape)
{
    public long Elements => Shape.Aggregate(1L, (product, size) => product * size);
}

/// <summary>
/// Checks that the tensors which a config implies are in the weights. Other tensors are ignored: checkpoints have heads and position ids that are not needed here.
/// </summary>
internal static class CheckpointCheck
{
    /// <summary>Throws unless all these tensors are there.</summary>
    /// <exception cref="CheckpointException">A tensor is missing, has another shape, or is not of float32, float16 or bfloat16.</exception>
    public static void Require(this SafetensorsWeights weights, IEnumerable<ExpectedTensor> expected)
    {
        foreach (var (name, shape) in expected)
        {
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
    }
}
