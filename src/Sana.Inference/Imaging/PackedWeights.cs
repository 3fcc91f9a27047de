using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Sana.Inference.Imaging;

/// <summary>
/// Weights of the horizontal pass, laid out for a product of 16-bit pairs: a weight of 24 bits is split into high · 2¹¹ + low, four pixels are taken at a time, and their sums are put together
/// at the end. Exact, because all of it is integers.
/// </summary>
internal sealed class PackedWeights
{
    private const int Low = 11;
    private const int Group = 4; // pixels

    // r0 r1 g0 g1 b0 b1 of the pixels 0 and 1, and of 2 and 3, each byte widened to 16 bit; 255 gives 0.
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
            var taps = weights.Of(i / _groups);
            var from = Math.Min(i % _groups * Group, taps.Length);
            var rest = taps[from..Math.Min(from + Group, taps.Length)];
            four.Clear();
            rest.CopyTo(four);
            _high[i] = Lay(four[0] >> Low, four[1] >> Low, four[2] >> Low, four[3] >> Low);
            _low[i] = Lay(four[0] & Mask, four[1] & Mask, four[2] & Mask, four[3] & Mask);
        }
    }

    /// <summary>Bytes that are read behind the end of a row.</summary>
    public int Overrun => (3 * Group * _groups) + Vector128<byte>.Count;

    private static int Mask => (1 << Low) - 1;

    /// <summary>One row into a target with 1 byte to spare: each pixel is written with a fourth byte, which the next one covers.</summary>
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

    private static Vector256<short> Lay(int a, int b, int c, int d)
    {
        var (first, second) = ((b << 16) | (a & 0xFFFF), (d << 16) | (c & 0xFFFF));
        return Vector256.Create(first, first, first, 0, second, second, second, 0).AsInt16();
    }
}
