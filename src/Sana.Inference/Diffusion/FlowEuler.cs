using System.Numerics.Tensors;

namespace Sana.Inference.Diffusion;

// Flow matching solved with Euler's method (Esser et al. 2024, arXiv:2403.03206), with the schedule of diffusers' FlowMatchEulerDiscreteScheduler: the end points of the
// training schedule are shifted once when it is made, and every point between them once more when the steps are laid out. Sana's checkpoints are sampled this way.

/// <summary>First-order solver without history.</summary>
internal sealed class FlowEuler : ISolver
{
    private readonly float[] _timesteps;
    private readonly float[] _sigmas;

    /// <summary>Makes the tables.</summary>
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
    /// <remarks>Fractions stay: the reference does not cut them for this solver.</remarks>
    public ReadOnlySpan<float> Timesteps => _timesteps;

    /// <inheritdoc/>
    public ReadOnlySpan<float> Sigmas => _sigmas;

    /// <inheritdoc/>
    public void Step(int step, Span<float> latents, ReadOnlySpan<float> velocity) =>
        TensorPrimitives.MultiplyAdd(velocity, _sigmas[step + 1] - _sigmas[step], latents, latents);

    // float32 throughout: the reference makes this table in float32, and its ends decide the rest.
    private static float TrainingSigma(int step, double shift)
    {
        var level = step / 1000f;
        return (float)shift * level / (1 + ((float)(shift - 1) * level));
    }
}
