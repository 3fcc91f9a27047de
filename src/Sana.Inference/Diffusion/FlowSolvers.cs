using System.Numerics.Tensors;

namespace Sana.Inference.Diffusion;

/// <summary>
/// Integrates the flow dx = v dσ from noise (σ near 1) to image (σ = 0), with one network evaluation for each step. The caller runs the loop. A solver may keep a history,
/// so one instance is for one batch, upwards from its first step.
/// </summary>
internal interface ISolver
{
    /// <summary>The network's timestep at each step, descending from 1000; one entry for each step.</summary>
    ReadOnlySpan<float> Timesteps { get; }

    /// <summary>The noise level before each step and, last, the 0 that the final step reaches: one entry more than <see cref="Timesteps"/>.</summary>
    ReadOnlySpan<float> Sigmas { get; }

    /// <summary>Advances the latents from <c>Sigmas[step]</c> to <c>Sigmas[step + 1]</c>.</summary>
    /// <param name="step">From 0, or from where an image begins; each step follows the one before it.</param>
    /// <param name="latents">The whole batch, overwritten; its length does not change between steps.</param>
    /// <param name="velocity">The guided output of the network, as long as <paramref name="latents"/>.</param>
    void Step(int step, Span<float> latents, ReadOnlySpan<float> velocity);
}

/// <summary>The path of flow matching.</summary>
internal static class FlowPath
{
    /// <summary>The state at a noise level: (1 − σ)·clean + σ·noise.</summary>
    public static void Mix(float sigma, ReadOnlySpan<float> clean, ReadOnlySpan<float> noise, Span<float> state)
    {
        TensorPrimitives.Multiply(clean, 1 - sigma, state);
        TensorPrimitives.MultiplyAdd(noise, sigma, state, state);
    }
}

/// <summary>
/// The time shift of flow matching: u → s·u / (1 + (s − 1)·u). It spends more steps at high noise, where larger images need them (Esser et al. 2024, arXiv:2403.03206, eq. 23).
/// </summary>
internal static class FlowShift
{
    private const double Least = 0.001;
    private const double Most = 1000;

    /// <summary>The shifted noise level of <paramref name="level"/>, both 0…1.</summary>
    public static double Apply(double level, double shift) => shift * level / (1 + ((shift - 1) * level));

    /// <summary>Checks the arguments of a solver.</summary>
    /// <exception cref="InferenceException">The shift is out of range. Above 1000, neighbouring sigmas are equal in float32 and the solver would divide by zero.</exception>
    public static void Check(int steps, double shift)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(steps, 1);

        if (!(shift is >= Least and <= Most))
            throw new InferenceException(FormattableString.Invariant($"The scheduler's flow shift {shift} is outside {Least}…{Most}; published checkpoints use 3 to 6."));
    }
}

// Flow matching solved with Euler's method (Esser et al. 2024, arXiv:2403.03206), with the schedule of diffusers' FlowMatchEulerDiscreteScheduler: the end points of the
// training schedule are shifted once when it is made, and every point between them once more when the steps are chosen. Sana's checkpoints are sampled this way.

/// <summary>First-order solver without history.</summary>
internal sealed class FlowEuler : ISolver
{
    private readonly float[] _timesteps;
    private readonly float[] _sigmas;

    /// <summary>Computes timesteps and sigmas.</summary>
    /// <param name="steps">Network evaluations per image, 1 or more.</param>
    /// <param name="shift">The scheduler's shift, 0.001…1000.</param>
    /// <exception cref="InferenceException">The shift is out of range.</exception>
    public FlowEuler(int steps, double shift)
    {
        FlowShift.Check(steps, shift);
        _timesteps = new float[steps];
        _sigmas = new float[steps + 1];

        var first = TrainingSigma(1000, shift) * 1000d;
        var last = TrainingSigma(1, shift) * 1000d;
        var stride = (last - first) / Math.Max(1, steps - 1);
        for (var step = 0; step < steps; step++)
        {
            var time = step > 0 && step == steps - 1 ? last : (step * stride) + first;
            _sigmas[step] = (float)FlowShift.Apply(time / 1000, shift);
            _timesteps[step] = _sigmas[step] * 1000;
        }
    }

    /// <inheritdoc/>
    /// <remarks>Not truncated, as in diffusers.</remarks>
    public ReadOnlySpan<float> Timesteps => _timesteps;

    /// <inheritdoc/>
    public ReadOnlySpan<float> Sigmas => _sigmas;

    /// <inheritdoc/>
    public void Step(int step, Span<float> latents, ReadOnlySpan<float> velocity) =>
        TensorPrimitives.MultiplyAdd(velocity, _sigmas[step + 1] - _sigmas[step], latents, latents);

    // In float32 as in diffusers; both ends of the schedule depend on it.
    private static float TrainingSigma(int step, double shift)
    {
        var level = step / 1000f;
        return (float)shift * level / (1 + ((float)(shift - 1) * level));
    }
}
