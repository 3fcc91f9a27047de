using Sana.Inference.Diffusion;
using static TorchSharp.torch;
using SanaTransformer = TinySana.Networks.SanaTransformer;

namespace TinySana.Training;

/// <summary>Prompts to latents by the pipeline's own solver, for sample sheets during training.</summary>
internal sealed class FlowSampler(SanaTransformer network, PromptStates prompts)
{
    /// <summary>Latents [b, c, side, side] for the prompts.</summary>
    /// <param name="texts">Prompts.</param>
    /// <param name="channels">Of the latents.</param>
    /// <param name="side">In latent cells.</param>
    /// <param name="steps">Of the solver.</param>
    /// <param name="guidance">Scale of classifier-free guidance.</param>
    /// <param name="seed">Of the noise.</param>
    public Tensor Sample(IReadOnlyList<string> texts, long channels, long side, int steps, double guidance, long seed)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var (text, mask) = prompts.Encode([.. texts.Select(_ => (string?)null), .. texts]);
        using var generator = new Generator((ulong)seed);
        var latents = randn(texts.Count, channels, side, side, generator: generator);
        var (values, solver) = (latents.data<float>().ToArray(), new FlowDpmSolver(steps, FlowMatching.Shift));
        for (var step = 0; step < steps; step++)
        {
            using var inner = NewDisposeScope();
            var x = tensor(values, latents.shape);
            var velocity = network.Forward(cat([x, x]), full(2 * texts.Count, solver.Timesteps[step]), text, mask).chunk(2);
            var guided = velocity[0] + (guidance * (velocity[1] - velocity[0]));
            solver.Step(step, values, guided.contiguous().data<float>().ToArray());
        }

        return tensor(values, latents.shape).MoveToOuterDisposeScope();
    }
}
