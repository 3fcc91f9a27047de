using System.Numerics.Tensors;

namespace Sana.Inference.Diffusion;

// Continuous-time consistency sampling on the trigonometric path x = cos t · x₀ + sin t · noise: Lu and Song 2024 (sCM, arXiv:2410.11081), Sana-Sprint (arXiv:2503.09641, section 3).
//
// The network is one of flow matching, on the path (1 − τ)·x₀ + τ·noise. With τ = sin t / (cos t + sin t) the two paths are the same up to the factor
// κ = √(τ² + (1 − τ)²) = 1 / (cos t + sin t), which ScaleInput and Velocity apply on the way in and out.

/// <summary>
/// The few-step sampler of Sana-Sprint. Each step computes a clean estimate and adds new noise for the next angle. A step is
/// <c>ScaleInput</c>, network(scaled, <c>Tau</c>), <c>Velocity</c>, <c>Step</c>; there is no history.
/// </summary>
internal sealed class ScmSolver
{
    private const float Start = 1.57080f;
    private const float MiddleOfTwo = 1.3f;

    private readonly float[] _timesteps;
    private readonly float _sigmaData;

    /// <summary>Computes the angles: 1.57080, 1.3, 0 for two steps, evenly spaced otherwise.</summary>
    /// <param name="steps">Network evaluations per image, 1 or more; 2 is what Sprint is distilled for.</param>
    /// <param name="sigmaData"><c>sigma_data</c> of the scheduler, the standard deviation of clean latents; above 0, published 0.5.</param>
    /// <exception cref="InferenceException"><paramref name="sigmaData"/> is not a positive number.</exception>
    public ScmSolver(int steps, float sigmaData)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(steps, 1);
        if (!(sigmaData > 0 && float.IsFinite(sigmaData)))
            throw new InferenceException(FormattableString.Invariant($"The scheduler's sigma_data {sigmaData} is not a positive number; published checkpoints use 0.5."));

        _sigmaData = sigmaData;
        _timesteps = steps == 2 ? [Start, MiddleOfTwo, 0] : EvenlySpaced(steps);
    }

    /// <summary>Angles in radians before each step and, last, the 0 that the final step reaches.</summary>
    public ReadOnlySpan<float> Timesteps => _timesteps;

    /// <summary>Network evaluations per image.</summary>
    public int Steps => _timesteps.Length - 1;

    /// <summary>The network's timestep, 0…1; not multiplied by 1000 and not truncated.</summary>
    public float Tau(int step) => At(step).Tau;

    /// <summary>Unit noise to initial latents, in place.</summary>
    public void ScaleNoise(Span<float> noise) => TensorPrimitives.Multiply(noise, _sigmaData, noise);

    /// <summary>Latents of a picture and unit noise to the state before a step: cos t · σ_data · clean + sin t · σ_data · noise.</summary>
    /// <param name="step">0…<see cref="Steps"/>; that after the last is the picture itself.</param>
    /// <param name="clean">As the autoencoder's scaling leaves them.</param>
    /// <param name="noise">Unit noise, as long.</param>
    /// <param name="state">Written.</param>
    public void Mix(int step, ReadOnlySpan<float> clean, ReadOnlySpan<float> noise, Span<float> state)
    {
        var (sin, cos) = SinCos(_timesteps[step]);
        TensorPrimitives.Multiply(clean, cos * _sigmaData, state);
        TensorPrimitives.MultiplyAdd(noise, sin * _sigmaData, state, state);
    }

    /// <summary>Latents on the trigonometric path to what the network reads.</summary>
    public void ScaleInput(int step, ReadOnlySpan<float> latents, Span<float> scaled)
    {
        TensorPrimitives.Divide(latents, _sigmaData, scaled);
        TensorPrimitives.Multiply(scaled, At(step).Kappa, scaled);
    }

    /// <summary>The network's output for <paramref name="scaled"/> to the velocity of the trigonometric path.</summary>
    /// <param name="step">From 0.</param>
    /// <param name="scaled">From <see cref="ScaleInput"/>.</param>
    /// <param name="output">The network's output.</param>
    /// <param name="velocity">Written; may be <paramref name="output"/> itself.</param>
    public void Velocity(int step, ReadOnlySpan<float> scaled, ReadOnlySpan<float> output, Span<float> velocity)
    {
        var (tau, kappa) = At(step);
        var input = 1 - (2 * tau);
        var answer = input + (2 * tau * tau);

        TensorPrimitives.Multiply(output, answer, velocity);
        TensorPrimitives.MultiplyAdd(scaled, input, velocity, velocity);
        TensorPrimitives.Divide(velocity, kappa, velocity);
        TensorPrimitives.Multiply(velocity, _sigmaData, velocity);
    }

    /// <summary>Advances the latents to the next angle; after the last step they are the clean estimate.</summary>
    /// <param name="step">From 0.</param>
    /// <param name="latents">The whole batch, overwritten.</param>
    /// <param name="velocity">From <see cref="Velocity"/>.</param>
    /// <param name="noise">New unit noise for this step. The last step does not read it; it may be empty.</param>
    public void Step(int step, Span<float> latents, ReadOnlySpan<float> velocity, ReadOnlySpan<float> noise)
    {
        var (sin, cos) = SinCos(_timesteps[step]);
        TensorPrimitives.Multiply(latents, cos, latents);
        TensorPrimitives.MultiplyAdd(velocity, -sin, latents, latents);        // the clean estimate
        if (step == Steps - 1)
            return;

        var (nextSin, nextCos) = SinCos(_timesteps[step + 1]);
        TensorPrimitives.Multiply(latents, nextCos, latents);
        TensorPrimitives.MultiplyAdd(noise, nextSin * _sigmaData, latents, latents);
    }

    /// <summary>The clean estimate of the last step to latents that the autoencoder's scaling applies to, in place.</summary>
    public void Unscale(Span<float> latents) => TensorPrimitives.Divide(latents, _sigmaData, latents);

    private (float Tau, float Kappa) At(int step)
    {
        var (sin, cos) = SinCos(_timesteps[step]);
        var tau = sin / (cos + sin);
        return (tau, MathF.Sqrt((tau * tau) + ((1 - tau) * (1 - tau))));
    }

    // Computed in double and rounded: float32 cos near π/2 differs between platforms.
    private static (float Sin, float Cos) SinCos(double angle) => ((float)Math.Sin(angle), (float)Math.Cos(angle));

    // float32, counted from the nearer end: PyTorch's linspace, which keeps the spacing symmetric.
    private static float[] EvenlySpaced(int steps)
    {
        var stride = -Start / steps;
        var timesteps = new float[steps + 1];
        for (var i = 0; i <= steps; i++)
            timesteps[i] = i < (steps + 1) / 2 ? Start + (stride * i) : -stride * (steps - i);

        return timesteps;
    }
}
