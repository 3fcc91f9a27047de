namespace Sana.Inference.Diffusion;

/// <summary>
/// Integrates the flow dx = v dσ from noise (σ near 1) to image (σ = 0), one network evaluation a step. The caller owns the loop; a solver that looks back owns its
/// history, so one instance serves one batch, from step 0 upwards.
/// </summary>
internal interface ISolver
{
    /// <summary>What the network is given at each step, descending from 1000; one entry a step.</summary>
    ReadOnlySpan<float> Timesteps { get; }

    /// <summary>The noise level before each step and, last, the 0 that the final step reaches: one entry more than <see cref="Timesteps"/>.</summary>
    ReadOnlySpan<float> Sigmas { get; }

    /// <summary>Advances the latents from <c>Sigmas[step]</c> to <c>Sigmas[step + 1]</c>.</summary>
    /// <param name="step">From 0; each step follows the one before it.</param>
    /// <param name="latents">The whole batch, overwritten; its length does not change between steps.</param>
    /// <param name="velocity">The guided output of the network, as long as <paramref name="latents"/>.</param>
    void Step(int step, Span<float> latents, ReadOnlySpan<float> velocity);
}
