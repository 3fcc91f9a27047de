namespace Sana.GraphBuilder.Models;

/// <summary>The frequencies of the timestep embedding: exp(−ln(10000) · i / 128), i = 0…127, as the reference's float32 arithmetic gives them.</summary>
internal static class Sinusoid
{
    private const int Half = 128;

    /// <summary>128 frequencies. At timestep 999 a difference of one unit in the last place is an angle of 6e-5.</summary>
    public static float[] Frequencies { get; } = [.. Enumerable.Range(0, Half).Select(Frequency)];

    // The argument is rounded to float32 before exp; the reference's vectorised exp is off by one unit at i = 12.
    private static float Frequency(int i) => i == 12
        ? BitConverter.UInt32BitsToSingle(0x3ED7E89B)
        : (float)Math.Exp((float)-Math.Log(10000) * i / Half);
}
