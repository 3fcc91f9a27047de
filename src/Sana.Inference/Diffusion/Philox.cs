using System.Runtime.CompilerServices;

namespace Sana.Inference.Diffusion;

// Philox-4x32-10: Salmon, Moraes, Dror, Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011, section 3.3. Constants are the paper's.

/// <summary>128 random bits as a pure function of a 128-bit counter and a 64-bit key: any element can be drawn without drawing the ones before it.</summary>
internal static class Philox
{
    private const int Rounds = 10;

    /// <summary>The ten-round block of <paramref name="counter"/> under <paramref name="key"/>; first named words are the paper's word 0.</summary>
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
