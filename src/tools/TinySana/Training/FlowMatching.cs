using TinySana.Networks;
using static TorchSharp.torch;

namespace TinySana.Training;

/// <summary>
/// Flow matching as the pipeline integrates it (SANA, arXiv:2410.10629, section 3.2; Esser et al. 2024, arXiv:2403.03206): on x = (1 − σ)·x₀ + σ·ε the network learns the velocity ε − x₀, most
/// often in the middle of the way (logit-normal), shifted towards noise.
/// </summary>
internal static class FlowMatching
{
    /// <summary>flow_shift of the scheduler.</summary>
    public const double Shift = 3;

    /// <summary>Mean squared error of the velocity, drawing noise and noise level for every latent; and the network's states halfway [b, n, d].</summary>
    public static (Tensor Loss, Tensor Halfway) Loss(SanaTransformer network, Tensor latents, Tensor text, Tensor mask)
    {
        var level = randn(latents.shape[0]).sigmoid(); // [b]
        var sigma = level * Shift / (1 + (level * (Shift - 1)));
        var noise = randn_like(latents);
        var at = sigma.view(-1, 1, 1, 1);
        var (velocity, halfway) = network.Look(((1 - at) * latents) + (at * noise), sigma * 1000, text, mask);
        return (nn.functional.mse_loss(velocity, noise - latents), halfway);
    }
}
