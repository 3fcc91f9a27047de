using System.Globalization;
using System.Runtime.InteropServices;
using Google.Protobuf;
using Sana.GraphBuilder.Safetensors;

namespace Sana.GraphBuilder.Onnx;

/// <summary>
/// The weights of a graph that multiplies in eight bits: the only ones that a build writes. Of a matrix of the checkpoint come the integers [in, out] and a scale for
/// each output channel, its largest magnitude over 127. Offsets are known before anything is read, so the graph is made first. Writing holds one matrix
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

    /// <summary>The matrices of the checkpoint that are among them, with the bytes that they take here and in float32.</summary>
    public IEnumerable<(string Name, long Bytes, long Float32Bytes)> Matrices =>
        _parts.Select(part => (part.Matrix.Name, (part.Rows * part.Columns) + (part.Rows * sizeof(float)), part.Rows * part.Columns * sizeof(float)));

    /// <summary>Bytes of the file.</summary>
    public long Length => _length;

    /// <summary>The integers and the scales of rows of a matrix that the checkpoint has as [out, in], as initializers without data.</summary>
    public (TensorProto Integers, TensorProto Scales) Add(TensorEntry matrix, long first, long rows)
    {
        var columns = matrix.Shape[1..].Aggregate(1L, (product, size) => product * size);
        return Add(matrix, rows == matrix.Shape[0] ? matrix.Name : string.Create(CultureInfo.InvariantCulture, $"{matrix.Name}.{first}"), first, rows, columns, isTransposed: false);
    }

    /// <summary>The same of a whole matrix that the checkpoint has as [in, out].</summary>
    public (TensorProto Integers, TensorProto Scales) AddTransposed(TensorEntry matrix) =>
        Add(matrix, matrix.Name, 0, matrix.Shape[1], matrix.Shape[0], isTransposed: true);

    private (TensorProto Integers, TensorProto Scales) Add(TensorEntry matrix, string name, long first, long rows, long columns, bool isTransposed)
    {
        var integers = new TensorProto { Name = $"{name}.int8", DataType = (int)ElementType.Int8, Dims = { columns, rows } };
        var scales = new TensorProto { Name = $"{name}.scale", DataType = (int)ElementType.Float, Dims = { rows } };
        var at = _length;
        _parts.Add(new Part(matrix, first, rows, columns, isTransposed, at, integers, scales));
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
        if (part.IsTransposed)
            return QuantiseColumns(part);
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

    // Of a matrix that is stored as [in, out]: read once for the scales and once for the integers, which keep their order.
    private static (byte[] Integers, float[] Scales) QuantiseColumns(Part part)
    {
        var (channels, inputs) = ((int)part.Rows, (int)part.Columns);
        var (integers, scales) = (new byte[checked(channels * inputs)], new float[channels]);
        var bytes = new byte[RowsAtOnce * channels * part.Matrix.Type.ByteSize()];
        var numbers = new float[RowsAtOnce * channels];
        using var file = RegularFile.Open(part.Matrix.File);
        Each((_, read) =>
        {
            for (var i = 0; i < read.Length; i++)
                scales[i % channels] = MathF.Max(scales[i % channels], MathF.Abs(read[i]));
        });
        for (var i = 0; i < channels; i++)
            scales[i] = ScaleOf(scales[i], part.Matrix);
        Each((first, read) =>
        {
            for (var i = 0; i < read.Length; i++)
                integers[first + i] = (byte)(sbyte)MathF.Round(read[i] / scales[i % channels]);
        });
        return (integers, scales);

        void Each(Action<int, ReadOnlySpan<float>> take)
        {
            for (var row = 0; row < inputs; row += RowsAtOnce)
            {
                var count = Math.Min(RowsAtOnce, inputs - row) * channels;
                TensorNumbers.Read(file, part.Matrix, (long)row * channels, bytes.AsSpan(0, count * part.Matrix.Type.ByteSize()), numbers);
                take(row * channels, numbers.AsSpan(0, count));
            }
        }
    }

    private static float Scale(ReadOnlySpan<float> row, TensorEntry matrix)
    {
        var largest = 0f;
        foreach (var number in row)
            largest = MathF.Max(largest, MathF.Abs(number)); // not a number if one of them is none
        return ScaleOf(largest, matrix);
    }

    // A row of zeros takes any scale.
    private static float ScaleOf(float largest, TensorEntry matrix) => !float.IsFinite(largest)
        ? throw new CheckpointException($"{matrix.Place} has values that are not numbers, which eight bits cannot hold; use precision float32.")
        : largest == 0 ? 1 : MathF.Max(largest / Largest, Smallest);

    private static void Point(TensorProto tensor, string location, long offset, long length)
    {
        tensor.DataLocation = TensorProto.Types.DataLocation.External;
        tensor.ExternalData.Add(Graph.Entry("location", location));
        tensor.ExternalData.Add(Graph.Entry("offset", offset.ToString(CultureInfo.InvariantCulture)));
        tensor.ExternalData.Add(Graph.Entry("length", length.ToString(CultureInfo.InvariantCulture)));
    }

    private static void Pad(Stream file, long written) => file.Write(stackalloc byte[(int)(Aligned(written) - written)]);

    private static long Aligned(long offset) => (offset + Alignment - 1) / Alignment * Alignment;

    private sealed record Part(TensorEntry Matrix, long First, long Rows, long Columns, bool IsTransposed, long At, TensorProto Integers, TensorProto Scales);
}
