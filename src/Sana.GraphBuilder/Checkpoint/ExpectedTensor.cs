namespace Sana.GraphBuilder.Checkpoint;

/// <summary>A tensor that a config implies: its name in the checkpoint and its shape, outermost size first.</summary>
internal readonly record struct ExpectedTensor(string Name, params long[] Shape)
{
    public long Elements => Shape.Aggregate(1L, (product, size) => product * size);
}
