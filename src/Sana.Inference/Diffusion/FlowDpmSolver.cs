using System.Numerics.Tensors;

namespace Sana.Inference.Diffusion;

// DPM-Solver++(2M), Lu et al. 2022, arXiv:2211.01095, algorithm 2, on the path x = (1 − σ)·x₀ + σ·noise of flow matching ("Flow-DPM-Solver", Sana, arXiv:2410.10629).
//
// The textbook step is x ← (σ_t/σ_s)·x − α_t·(e^{−h} − 1)·m with h = λ_t − λ_s and λ = ln α − ln σ. With α = 1 − σ and r = σ_t/σ_s the middle factor is exactly 1 − r,
// so there is no exponential, and the last step (σ_t = 0, h = ∞) needs no special case.

/// <summary>Second-order multistep solver: each step after the first extrapolates from the clean estimate of the step before.</summary>
internal sealed class FlowDpmSolver : ISolver
{
    private readonly float[] _timesteps;
    private readonly float[] _sigmas;

    private float[]? _clean;     // this step's estimate of the clean image
    private float[]? _previous;  // the estimate of the step before, then overwritten

    /// <summary>Computes timesteps and sigmas.</summary>
    /// <param name="steps">Network evaluations per image, 1 or more.</param>
    /// <param name="shift"><c>flow_shift</c> of the scheduler, 0.001…1000.</param>
    /// <exception cref="InferenceException">The shift is out of range.</exception>
    public FlowDpmSolver(int steps, double shift)
    {
        FlowShift.Check(steps, shift);
        _timesteps = new float[steps];
        _sigmas = new float[steps + 1];

        // In float64 and in this order: the timestep is truncated, so the last bit of sigma decides between 332 and 333.
        var stride = ((1d / 1000) - 1) / steps;
        for (var step = 0; step < steps; step++)
        {
            var j = steps - step;
            var level = 1 - (j == steps ? 1d / 1000 : (j * stride) + 1);
            var sigma = FlowShift.Apply(level, shift);
            _timesteps[step] = (int)(sigma * 1000);
            _sigmas[step] = (float)sigma;
        }
    }

    /// <inheritdoc/>
    /// <remarks>Whole numbers, as in training.</remarks>
    public ReadOnlySpan<float> Timesteps => _timesteps;

    /// <inheritdoc/>
    public ReadOnlySpan<float> Sigmas => _sigmas;

    /// <inheritdoc/>
    public void Step(int step, Span<float> latents, ReadOnlySpan<float> velocity)
    {
        var (from, to) = (_sigmas[step], _sigmas[step + 1]);
        var keep = (double)to / from;            // the weight of x; the rest is the clean estimate
        var slope = _clean is not null && to > 0 // the first step that is made has no history, the last one would divide by an infinite h
            ? 0.5 * (LogSnr(to) - LogSnr(from)) / (LogSnr(from) - LogSnr(_sigmas[step - 1]))
            : 0;
        var clean = _clean ??= new float[latents.Length];
        var estimate = _previous ??= new float[latents.Length];

        TensorPrimitives.MultiplyAdd(velocity, -from, latents, clean);                         // x − σ·v
        TensorPrimitives.Subtract(clean, estimate, estimate);
        TensorPrimitives.MultiplyAdd(estimate, (float)slope, clean, estimate);                 // clean + slope·(clean − previous)
        TensorPrimitives.Multiply(latents, (float)keep, latents);
        TensorPrimitives.MultiplyAdd(estimate, (float)(1 - keep), latents, latents);

        (_clean, _previous) = (estimate, clean);
    }

    private static double LogSnr(double sigma) => Math.Log((1 - sigma) / sigma);
}
