namespace Sana.Inference.Diffusion;

/// <summary>
/// The time shift of flow matching: u → s·u / (1 + (s − 1)·u). It spends more of the steps at high noise, where larger images need them (Esser et al. 2024, arXiv:2403.03206, eq. 23).
/// </summary>
internal static class FlowShift
{
    private const double Least = 0.001;
    private const double Most = 1000;

    /// <summary>The shifted noise level of <paramref name="level"/>, both 0…1.</summary>
    public static double Apply(double level, double shift) => shift * level / (1 + ((shift - 1) * level));

    /// <summary>Refuses what no table can be made of.</summary>
    /// <exception cref="InferenceException">Beyond 1000 neighbouring sigmas meet in float32 and the solver would divide by zero.</exception>
    public static void Check(int steps, double shift)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(steps, 1);

        if (!(shift is >= Least and <= Most))
        {
            throw new InferenceException(FormattableString.Invariant($"The scheduler's flow shift {shift} is outside {Least}…{Most}; published checkpoints use 3 to 6."));
        }
    }
}
