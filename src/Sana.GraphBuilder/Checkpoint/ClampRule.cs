using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Safetensors;

namespace Sana.GraphBuilder.Checkpoint;

/// <summary>
/// Decides whether the self-attention output is cut to the half-precision range. The networks of the first release were trained in half
/// precision with that cut; without it their activations reach a million and the images break (huggingface/diffusers#10336).
/// </summary>
internal sealed record ClampRule(bool On, string Reason)
{
    public static ClampRule For(Clamp asked, SanaTransformerConfig config, Weights weights, string checkpointName)
    {
        if (asked != Clamp.Auto)
        {
            return new ClampRule(asked == Clamp.On, "asked for");
        }

        // Later networks differ in shape: query and key norms (1.5), position embedding (2K, 4K), embedded guidance (Sprint).
        if (config.QkNorm || config.InterpolationScale is not null || config.GuidanceEmbeds)
        {
            return new ClampRule(false, "trained in bfloat16: query and key norms, positions or embedded guidance came after half precision");
        }

        return weights["proj_out.weight"].Type switch
        {
            TensorType.F16 => new ClampRule(true, "stored in float16, so trained in it"),
            TensorType.BF16 => new ClampRule(false, "stored in bfloat16"),
            _ when checkpointName.Contains("BF16", StringComparison.OrdinalIgnoreCase) => new ClampRule(false, "the name says BF16"),
            // The plain files of the first release are float32 copies of what was trained in half precision. Where nothing exceeds 65504 the cut changes nothing.
            _ => new ClampRule(true, "float32 with the shape of the first release, which was trained in float16"),
        };
    }
}
