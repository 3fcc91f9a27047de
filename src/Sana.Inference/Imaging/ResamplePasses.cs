using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Sana.Inference.Imaging;

/// <summary>The two passes of PIL's resize over interleaved 8-bit RGB, each rounded to 8 bit. On processors with AVX2 they run in vectors, elsewhere in plain code, with the same bits.</summary>
internal static class ResamplePasses
{
    private const int Half = 1 << (ResampleWeights.Bits - 1);

    /// <summary>Each row of the source to one of the target.</summary>
    /// <param name="source">Rows of RGB, <paramref name="stride"/> bytes apart.</param>
    /// <param name="stride">At least three bytes a pixel.</param>
    /// <param name="rows">How many.</param>
    /// <param name="weights">Of the columns.</param>
    /// <param name="left">Column of the image that the source begins at.</param>
    /// <param name="target">Rows of 3 × the weights' targets, and 1 byte to spare.</param>
    /// <param name="vectors">Whether vectors may be used.</param>
    public static void Horizontal(ReadOnlySpan<byte> source, int stride, int rows, ResampleWeights weights, int left, Span<byte> target, bool vectors = true)
    {
        var width = 3 * weights.First.Length;
        var packed = vectors && Avx2.IsSupported ? new PackedWeights(weights) : null;
        var last = packed is null ? [] : new byte[stride + packed.Overrun];
        for (var y = 0; y < rows; y++)
        {
            var row = source.Slice(y * stride, Math.Min(stride, source.Length - (y * stride)));
            if (packed is null)
            {
                Plain(row, weights, left, target.Slice(y * width, width));
                continue;
            }

            // Vectors read past the row, with weights of 0: into the next one, or, for the last ones, into a copy with room behind it.
            var readable = source[(y * stride)..];
            if (readable.Length < row.Length + packed.Overrun)
            {
                row.CopyTo(last);
                readable = last;
            }

            packed.Run(readable, weights.First, left, target.Slice(y * width, width + 1));
        }
    }

    /// <summary>Rows of the target out of several rows of the source each.</summary>
    /// <param name="source">Rows of bytes, <paramref name="stride"/> apart, the first of which is row <paramref name="top"/> of the image.</param>
    /// <param name="stride">Bytes from row to row.</param>
    /// <param name="weights">Of the rows.</param>
    /// <param name="top">Row of the image that the source begins at.</param>
    /// <param name="width">Bytes of a row to work on.</param>
    /// <param name="target">Rows of <paramref name="width"/> bytes.</param>
    /// <param name="vectors">Whether vectors may be used.</param>
    public static void Vertical(ReadOnlySpan<byte> source, int stride, ResampleWeights weights, int top, int width, Span<byte> target, bool vectors = true)
    {
        for (var y = 0; y < weights.First.Length; y++)
        {
            var taps = weights.Of(y);
            var rows = source[((weights.First[y] - top) * stride)..];
            var row = target.Slice(y * width, width);
            var x = vectors && Avx2.IsSupported ? Blocks(rows, stride, taps, row) : 0;
            for (; x < width; x++)
            {
                var sum = Half;
                for (var t = 0; t < taps.Length; t++) sum += taps[t] * rows[(t * stride) + x];
                row[x] = Level(sum);
            }
        }
    }

    // Sixteen bytes of the row at a time; returns how far it came.
    private static int Blocks(ReadOnlySpan<byte> rows, int stride, ReadOnlySpan<int> taps, Span<byte> target)
    {
        ref var source = ref MemoryMarshal.GetReference(rows);
        var x = 0;
        for (; x + 16 <= target.Length; x += 16)
        {
            var (low, high) = (Vector256.Create(Half), Vector256.Create(Half));
            for (var t = 0; t < taps.Length; t++)
            {
                var bytes = Vector128.LoadUnsafe(ref source, (nuint)((t * stride) + x));
                var weight = Vector256.Create(taps[t]);
                low += Avx2.ConvertToVector256Int32(bytes) * weight;
                high += Avx2.ConvertToVector256Int32(Sse2.ShiftRightLogical128BitLane(bytes, 8)) * weight;
            }

            (low, high) = (low >> ResampleWeights.Bits, high >> ResampleWeights.Bits);
            var words = Avx2.Permute4x64(Avx2.PackSignedSaturate(low, high).AsInt64(), 0b11_01_10_00).AsInt16();
            Sse2.PackUnsignedSaturate(words.GetLower(), words.GetUpper()).CopyTo(target[x..]);
        }

        return x;
    }

    private static void Plain(ReadOnlySpan<byte> row, ResampleWeights weights, int left, Span<byte> target)
    {
        for (var x = 0; x < weights.First.Length; x++)
        {
            var taps = weights.Of(x);
            var pixels = row[(3 * (weights.First[x] - left))..];
            var (red, green, blue) = (Half, Half, Half);
            for (var t = 0; t < taps.Length; t++)
            {
                red += taps[t] * pixels[3 * t];
                green += taps[t] * pixels[(3 * t) + 1];
                blue += taps[t] * pixels[(3 * t) + 2];
            }

            (target[3 * x], target[(3 * x) + 1], target[(3 * x) + 2]) = (Level(red), Level(green), Level(blue));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static byte Level(int sum) => (byte)Math.Clamp(sum >> ResampleWeights.Bits, 0, 255);
}
