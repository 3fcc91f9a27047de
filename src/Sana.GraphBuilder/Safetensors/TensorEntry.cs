namespace Sana.GraphBuilder.Safetensors;

/// <summary>Where one tensor lies: raw, little-endian, row-major, <c>Length</c> bytes from byte <c>Offset</c> of <c>File</c>.</summary>
/// <param name="Name">Name in the checkpoint, as in <c>transformer_blocks.0.attn1.to_q.weight</c>.</param>
/// <param name="Type">Element type.</param>
/// <param name="Shape">Sizes, outermost first; empty for a scalar.</param>
/// <param name="File">Full path of the file that holds it.</param>
/// <param name="Offset">First byte, counted from the start of the file. Need not be aligned.</param>
/// <param name="Length">Bytes: the product of the shape times the element size.</param>
internal sealed record TensorEntry(string Name, TensorType Type, long[] Shape, string File, long Offset, long Length)
{
    /// <summary>How messages name a tensor: its name and its file.</summary>
    public string Place => $"Tensor {Quoted.Text(Name)} in {File}";
}
