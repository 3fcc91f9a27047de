using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;

namespace Sana.GraphBuilder.Safetensors;

/// <summary>Reads the numbers of tensors that a build or a run needs itself: most are read by ONNX Runtime alone.</summary>
internal static class TensorNumbers
{
    /// <summary>All numbers of a small tensor.</summary>
    /// <exception cref="CheckpointException">The file cannot be read, or one of them is none.</exception>
    public static float[] Read(TensorEntry entry)
    {
        var (bytes, numbers) = (new byte[checked((int)entry.Length)], new float[entry.Length / entry.Type.ByteSize()]);
        using var file = RegularFile.Open(entry.File);
        Read(file, entry, 0, bytes, numbers);
        return Array.TrueForAll(numbers, float.IsFinite) ? numbers : throw new CheckpointException($"{entry.Place} has values that are not numbers; fetch it again.");
    }

    /// <summary>Some numbers of a tensor, widened.</summary>
    /// <param name="file">Of the tensor.</param>
    /// <param name="entry">Of type F32, F16 or BF16.</param>
    /// <param name="first">The first number.</param>
    /// <param name="bytes">Room for as many as are to be read, in the tensor's type.</param>
    /// <param name="numbers">Room for as many.</param>
    public static void Read(SafeFileHandle file, TensorEntry entry, long first, Span<byte> bytes, Span<float> numbers)
    {
        var width = entry.Type.ByteSize();
        RegularFile.Fill(file, bytes, entry.Offset + (first * width), entry.File);
        for (var i = 0; i < bytes.Length / width; i++)
        {
            numbers[i] = entry.Type switch
            {
                TensorType.F32 => BinaryPrimitives.ReadSingleLittleEndian(bytes[(i * width)..]),
                TensorType.F16 => (float)BinaryPrimitives.ReadHalfLittleEndian(bytes[(i * width)..]),
                _ => BitConverter.UInt32BitsToSingle((uint)BinaryPrimitives.ReadUInt16LittleEndian(bytes[(i * width)..]) << 16),
            };
        }
    }
}
