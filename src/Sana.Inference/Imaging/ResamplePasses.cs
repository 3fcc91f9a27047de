using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Sana.Inference.Imaging;

/// <summary>The two passes of Pillow's resize over interleaved 8-bit RGB, each rounded to 8 bits. They use AVX2 where the processor has it and plain code elsewhere, with the same results.</summary>
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

            // Vectors read past the end of the row, with weights of 0. For the last rows they read a copy that has room for this.
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
            var taps = weights.For(y);
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

    // Sixteen bytes of the row at a time; returns how many bytes were done.
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
            var taps = weights.For(x);
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

/// <summary>
/// Weights of the horizontal pass, arranged for products of 16-bit pairs: a weight of 24 bits is split into high · 2¹¹ + low, four pixels are read at a time, and the two sums are combined at
/// the end. The result is exact, because all numbers are integers.
/// </summary>
internal sealed class PackedWeights
{
    private const int Low = 11;
    private const int Group = 4; // pixels

    // r0 r1 g0 g1 b0 b1 of the pixels 0 and 1, and of 2 and 3, each byte widened to 16 bits; 255 gives 0.
    private static readonly Vector256<byte> _pairs = Vector256.Create(
        0, 255, 3, 255, 1, 255, 4, 255, 2, 255, 5, 255, 255, 255, 255, 255,
        6, 255, 9, 255, 7, 255, 10, 255, 8, 255, 11, 255, 255, 255, 255, (byte)255);

    private readonly int _groups;
    private readonly Vector256<short>[] _high; // [target, group]
    private readonly Vector256<short>[] _low;

    public PackedWeights(ResampleWeights weights)
    {
        _groups = (weights.Used.Max() + Group - 1) / Group;
        _high = new Vector256<short>[weights.First.Length * _groups];
        _low = new Vector256<short>[_high.Length];
        Span<int> four = stackalloc int[Group];
        for (var i = 0; i < _high.Length; i++)
        {
            var taps = weights.For(i / _groups);
            var from = Math.Min(i % _groups * Group, taps.Length);
            var rest = taps[from..Math.Min(from + Group, taps.Length)];
            four.Clear();
            rest.CopyTo(four);
            _high[i] = Pairs(four[0] >> Low, four[1] >> Low, four[2] >> Low, four[3] >> Low);
            _low[i] = Pairs(four[0] & Mask, four[1] & Mask, four[2] & Mask, four[3] & Mask);
        }
    }

    /// <summary>Bytes that are read past the end of a row.</summary>
    public int Overrun => (3 * Group * _groups) + Vector128<byte>.Count;

    private static int Mask => (1 << Low) - 1;

    /// <summary>Resamples one row. Each pixel is written with a fourth byte, which the next pixel overwrites, so the target has one byte more.</summary>
    public void Run(ReadOnlySpan<byte> row, int[] first, int left, Span<byte> target)
    {
        ref var source = ref MemoryMarshal.GetReference(row);
        var half = Vector128.Create(1 << (ResampleWeights.Bits - 1));
        for (var x = 0; x < first.Length; x++)
        {
            var (high, low) = (Vector256<int>.Zero, Vector256<int>.Zero);
            var at = (nuint)(3 * (first[x] - left));
            for (var i = x * _groups; i < (x + 1) * _groups; i++, at += 3 * Group)
            {
                var bytes = Vector128.LoadUnsafe(ref source, at);
                var pairs = Avx2.Shuffle(Vector256.Create(bytes, bytes), _pairs).AsInt16();
                high += Avx2.MultiplyAddAdjacent(pairs, _high[i]);
                low += Avx2.MultiplyAddAdjacent(pairs, _low[i]);
            }

            var sum = ((high.GetLower() + high.GetUpper()) << Low) + low.GetLower() + low.GetUpper() + half;
            var words = Sse2.PackSignedSaturate(sum >> ResampleWeights.Bits, Vector128<int>.Zero);
            var pixel = Sse2.PackUnsignedSaturate(words, words).AsUInt32().ToScalar();
            MemoryMarshal.Write(target[(3 * x)..], pixel);
        }
    }

    private static Vector256<short> Pairs(int a, int b, int c, int d)
    {
        var (first, second) = ((b << 16) | (a & 0xFFFF), (d << 16) | (c & 0xFFFF));
        return Vector256.Create(first, first, first, 0, second, second, second, 0).AsInt16();
    }
}
