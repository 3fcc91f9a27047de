using System.Diagnostics.CodeAnalysis;

namespace Sana.GraphBuilder.Safetensors;

/// <summary>Where one tensor is: raw, little-endian, row-major, <c>Length</c> bytes from byte <c>Offset</c> of <c>File</c>.</summary>
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

/// <summary>The element types of safetensors files, under the names that the header uses.</summary>
[SuppressMessage("Naming", "CA1707", Justification = "The header's own names.")]
internal enum TensorType
{
    BOOL,
    U8,
    I8,
    F8_E4M3,
    F8_E5M2,
    U16,
    I16,
    F16,
    BF16,
    U32,
    I32,
    F32,
    U64,
    I64,
    F64,
}

internal static class TensorTypes
{
    public static int ByteSize(this TensorType type) => type switch
    {
        TensorType.BOOL or TensorType.U8 or TensorType.I8 or TensorType.F8_E4M3 or TensorType.F8_E5M2 => 1,
        TensorType.U16 or TensorType.I16 or TensorType.F16 or TensorType.BF16 => 2,
        TensorType.U32 or TensorType.I32 or TensorType.F32 => 4,
        _ => 8,
    };

    /// <summary>The types that weights may have. Another type means a wrong or quantised file.</summary>
    public static bool IsWeight(this TensorType type) => type is TensorType.F32 or TensorType.F16 or TensorType.BF16;
}
