using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TinySana.Networks;

/// <summary>
/// A low-rank adapter (LoRA, arXiv:2106.09685) of a transformer: the output of each adapted layer gains x · Aᵀ · Bᵀ. Its parameters have PEFT's names.
/// Creating one changes what the transformer computes from then on; the transformer's own weights take no more gradients.
/// </summary>
internal sealed class LoraModule : CheckpointModule
{
    /// <summary>The adapted layers, by the ends of their names: all projections of both attentions, and where latents enter and leave.</summary>
    public static readonly string[] Targets = ["to_q", "to_k", "to_v", "to_out.0", "patch_embed.proj", "proj_out"];

    /// <param name="network">The transformer.</param>
    /// <param name="rank">Rows of A and columns of B, 1 or more.</param>
    public LoraModule(SanaTransformerModule network, int rank)
        : base(nameof(LoraModule))
    {
        foreach (var parameter in network.parameters())
            parameter.requires_grad = false;
        // TorchSharp lists modules by the names of their fields too.
        foreach (var (path, module) in network.named_modules().Where(one => !one.name.Contains("._", StringComparison.Ordinal)))
        {
            if (module is not Linear linear || !Array.Exists(Targets, target => path == target || path.EndsWith($".{target}", StringComparison.Ordinal)))
                continue;
            var reach = 1 / Math.Sqrt(linear.in_features);
            var a = At($"{path}.lora_A.weight", (rand(rank, linear.in_features) * (2 * reach)) - reach);
            var b = At($"{path}.lora_B.weight", zeros(linear.out_features, rank)); // zero, so that the first step starts from the plain transformer
            linear.register_forward_hook((_, x, y) => y + matmul(matmul(x, a.t()), b.t()));
        }
    }
}
