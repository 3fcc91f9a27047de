namespace Sana.GraphBuilder.Onnx;

/// <summary>Element types of ONNX tensors, with the format's own numbers.</summary>
internal enum ElementType
{
    /// <summary>32-bit float.</summary>
    Float = 1,

    /// <summary>64-bit signed integer.</summary>
    Int64 = 7,

    /// <summary>Truth value.</summary>
    Bool = 9,

    /// <summary>IEEE half precision.</summary>
    Float16 = 10,

    /// <summary>64-bit float.</summary>
    Double = 11,

    /// <summary>The upper half of a 32-bit float.</summary>
    BFloat16 = 16,
}
