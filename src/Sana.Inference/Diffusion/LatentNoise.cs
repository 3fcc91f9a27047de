using System.Runtime.CompilerServices;

namespace Sana.Inference.Diffusion;

/// <summary>
/// Standard normal noise that depends only on the seed and the image's index: image k is the same in any batch and after a resume.
/// </summary>
/// <remarks>
/// Definition, to compute the same noise elsewhere. Element <c>i</c> (flat index into the image's own [C, h, w]) of image <c>k</c>, stream <c>s</c>, seed <c>S</c>:
/// <list type="number">
/// <item><description>Block <c>w0…w3</c> = Philox-4x32-10 of counter (⌊i / 4⌋, k, s, 0) and key (low 32 bits of S, high 32 bits of S).</description></item>
/// <item><description>Uniforms <c>u_j = (w_j + 0.5) / 2^32</c>, exact in double and never 0 or 1.</description></item>
/// <item><description>Box–Muller in double on (u0, u1) and on (u2, u3): <c>r = √(−2 ln a)</c>, <c>φ = 2π·b</c>; the pair is <c>r·cos φ</c>, <c>r·sin φ</c>. The four values are elements 4⌊i / 4⌋ … + 3.</description></item>
/// <item><description>Each is rounded to float32. The largest possible magnitude is 6.764.</description></item>
/// </list>
/// The Philox words are the same bits everywhere. <see cref="Math.Log(double)"/>, <see cref="Math.Sin"/> and <see cref="Math.Cos"/> may differ in the last bit of a double between C
/// libraries, which survives the rounding to float32 about once in 10⁸ elements, and then as one unit in the last place: bit equality is guaranteed on one platform, equality to
/// 1.2e-7 relative across platforms.
/// </remarks>
internal static class LatentNoise
{
    /// <summary>The stream of the initial latents; the noise that a sampler adds at step n is stream <c>1 + n</c>.</summary>
    public const int InitialStream = 0;

    /// <summary>Fills the latents of one image.</summary>
    /// <param name="noise">One image's [C, h, w], flat.</param>
    /// <param name="seed">Any value.</param>
    /// <param name="image">Which image of this prompt and seed, from 0.</param>
    /// <param name="stream"><see cref="InitialStream"/>, or 1 + step.</param>
    public static void Fill(Span<float> noise, ulong seed, int image, int stream = InitialStream)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(image);
        ArgumentOutOfRangeException.ThrowIfNegative(stream);

        var key = ((uint)seed, (uint)(seed >> 32));
        Span<float> tail = stackalloc float[4];
        for (var start = 0; start < noise.Length; start += 4)
        {
            var words = Philox.Block(((uint)start / 4, (uint)image, (uint)stream, 0), key);
            var four = noise.Length - start >= 4 ? noise.Slice(start, 4) : tail;
            (four[0], four[1]) = Normals(words.W0, words.W1);
            (four[2], four[3]) = Normals(words.W2, words.W3);
            if (noise.Length - start < 4)
                tail[..(noise.Length - start)].CopyTo(noise[start..]);
        }
    }

    private static (float, float) Normals(uint first, uint second)
    {
        var radius = Math.Sqrt(-2 * Math.Log((first + 0.5) / 4294967296));
        var angle = Math.Tau * ((second + 0.5) / 4294967296);
        return ((float)(radius * Math.Cos(angle)), (float)(radius * Math.Sin(angle)));
    }
}

// Philox-4x32-10: Salmon, Moraes, Dror, Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011, section 3.3. Constants are the paper's.

/// <summary>128 random bits as a pure function of a 128-bit counter and a 64-bit key: any element can be computed without those before it.</summary>
internal static class Philox
{
    private const int Rounds = 10;

    /// <summary>The ten-round block of <paramref name="counter"/> under <paramref name="key"/>; the first values are the paper's word 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (uint W0, uint W1, uint W2, uint W3) Block((uint C0, uint C1, uint C2, uint C3) counter, (uint K0, uint K1) key)
    {
        var (c0, c1, c2, c3) = counter;
        var (k0, k1) = key;
        for (var round = 0; round < Rounds; round++)
        {
            var left = 0xD2511F53UL * c0;
            var right = 0xCD9E8D57UL * c2;
            (c0, c1, c2, c3) = ((uint)(right >> 32) ^ c1 ^ k0, (uint)right, (uint)(left >> 32) ^ c3 ^ k1, (uint)left);
            k0 = unchecked(k0 + 0x9E3779B9);
            k1 = unchecked(k1 + 0xBB67AE85);
        }

        return (c0, c1, c2, c3);
    }
}
