using System.Globalization;
using System.Runtime.InteropServices;
using Google.Protobuf;
using Sana.GraphBuilder.Safetensors;

namespace Sana.GraphBuilder.Onnx;

/// <summary>
/// The weights of a graph that multiplies in eight bits: the only ones that a build writes. Of a matrix [out, in] of the checkpoint come the integers [in, out] and a scale for
/// each output channel, the row's largest magnitude over 127. Offsets are known before anything is read, so the graph is made first. Writing holds one matrix
/// in memory, and the same weights give the same bytes.
/// </summary>
internal sealed class EightBitWeights
{
    /// <summary>Symmetric: −128 is not used.</summary>
    public const int Largest = 127;

    private const int Alignment = 64;
    private const int RowsAtOnce = 64;
    private const float Smallest = 1e-30f; // a scale that can be divided by

    private readonly List<Part> _parts = [];
    private long _length;

    /// <summary>Whether there are any.</summary>
    public bool Any => _parts.Count > 0;

    /// <summary>How many there are.</summary>
    public long Numbers => _parts.Sum(part => part.Rows * part.Columns);

    /// <summary>Bytes of the file.</summary>
    public long Length => _length;

    /// <summary>The integers and the scales of rows of a matrix, as initializers without data.</summary>
    public (TensorProto Integers, TensorProto Scales) Add(TensorEntry matrix, long first, long rows)
    {
        var columns = matrix.Shape[1..].Aggregate(1L, (product, size) => product * size);
        var name = rows == matrix.Shape[0] ? matrix.Name : string.Create(CultureInfo.InvariantCulture, $"{matrix.Name}.{first}");
        var integers = new TensorProto { Name = $"{name}.int8", DataType = (int)ElementType.Int8, Dims = { columns, rows } };
        var scales = new TensorProto { Name = $"{name}.scale", DataType = (int)ElementType.Float, Dims = { rows } };
        var at = _length;
        _parts.Add(new Part(matrix, first, rows, columns, at, integers, scales));
        _length = Aligned(Aligned(at + (rows * columns)) + (rows * sizeof(float)));
        return (integers, scales);
    }

    /// <summary>Makes the initializers point into a file.</summary>
    /// <param name="location">As ONNX Runtime is to find it.</param>
    public void PointTo(string location)
    {
        foreach (var part in _parts)
        {
            Point(part.Integers, location, part.At, part.Rows * part.Columns);
            Point(part.Scales, location, Aligned(part.At + (part.Rows * part.Columns)), part.Rows * sizeof(float));
        }
    }

    /// <summary>Puts the data into the initializers, for a graph that is loaded from memory: at most 2 GB.</summary>
    public void Embed()
    {
        foreach (var part in _parts)
        {
            var (integers, scales) = Quantise(part);
            part.Integers.RawData = UnsafeByteOperations.UnsafeWrap(integers);
            part.Scales.RawData = ByteString.CopyFrom(MemoryMarshal.AsBytes<float>(scales));
        }
    }

    /// <summary>Writes the file.</summary>
    /// <exception cref="CheckpointException">The checkpoint cannot be read, or a weight is not a number.</exception>
    public void WriteTo(Stream file)
    {
        foreach (var part in _parts)
        {
            var (integers, scales) = Quantise(part);
            file.Write(integers);
            Pad(file, integers.Length);
            file.Write(MemoryMarshal.AsBytes<float>(scales));
            Pad(file, scales.Length * sizeof(float));
        }
    }

    private static (byte[] Integers, float[] Scales) Quantise(Part part)
    {
        var (rows, columns) = ((int)part.Rows, (int)part.Columns);
        var (integers, scales) = (new byte[checked(rows * columns)], new float[rows]);
        var width = part.Matrix.Type.ByteSize();
        var bytes = new byte[RowsAtOnce * columns * width];
        var numbers = new float[RowsAtOnce * columns];
        using var file = RegularFile.Open(part.Matrix.File);
        for (var row = 0; row < rows; row += RowsAtOnce)
        {
            var count = Math.Min(RowsAtOnce, rows - row);
            TensorNumbers.Read(file, part.Matrix, (part.First + row) * part.Columns, bytes.AsSpan(0, count * columns * width), numbers);
            for (var i = 0; i < count; i++)
                scales[row + i] = Scale(numbers.AsSpan(i * columns, columns), part.Matrix);
            // Column after column of a few rows: the writes of the transposed matrix stay close together.
            for (var column = 0; column < columns; column++)
            {
                var target = integers.AsSpan((column * rows) + row, count);
                for (var i = 0; i < count; i++)
                    target[i] = (byte)(sbyte)MathF.Round(numbers[(i * columns) + column] / scales[row + i]);
            }
        }

        return (integers, scales);
    }

    // A row of zeros takes any scale.
    private static float Scale(ReadOnlySpan<float> row, TensorEntry matrix)
    {
        var largest = 0f;
        foreach (var number in row)
            largest = MathF.Max(largest, MathF.Abs(number)); // not a number if one of them is none
        return !float.IsFinite(largest) ? throw new CheckpointException($"{matrix.Place} has values that are not numbers, which eight bits cannot hold; use precision float32.")
            : largest == 0 ? 1 : MathF.Max(largest / Largest, Smallest);
    }

    private static void Point(TensorProto tensor, string location, long offset, long length)
    {
        tensor.DataLocation = TensorProto.Types.DataLocation.External;
        tensor.ExternalData.Add(Graph.Entry("location", location));
        tensor.ExternalData.Add(Graph.Entry("offset", offset.ToString(CultureInfo.InvariantCulture)));
        tensor.ExternalData.Add(Graph.Entry("length", length.ToString(CultureInfo.InvariantCulture)));
    }

    private static void Pad(Stream file, long written) => file.Write(stackalloc byte[(int)(Aligned(written) - written)]);

    private static long Aligned(long offset) => (offset + Alignment - 1) / Alignment * Alignment;

    private sealed record Part(TensorEntry Matrix, long First, long Rows, long Columns, long At, TensorProto Integers, TensorProto Scales);
}
