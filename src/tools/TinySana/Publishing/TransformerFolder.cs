using System.Text.Json.Nodes;
using Sana.GraphBuilder.Configs;
using TinySana.Networks;
using TinySana.Torch;

namespace TinySana.Publishing;

/// <summary>The folders <c>transformer</c> and <c>scheduler</c> of a Sana checkpoint, and its model_index.json.</summary>
internal static class TransformerFolder
{
    private const string Version = "0.42.1"; // the version of diffusers that writes this layout
    private const string Weights = "diffusion_pytorch_model.safetensors";

    /// <param name="checkpoint">The folder of the whole checkpoint.</param>
    /// <param name="network">Its weights are stored in float16.</param>
    /// <param name="config">The config of the network.</param>
    /// <param name="flowShift">The scheduler's flow_shift.</param>
    public static void Write(string checkpoint, SanaTransformerModule network, SanaTransformerConfig config, double flowShift)
    {
        var folder = Path.Combine(checkpoint, "transformer");
        CheckpointTensors.Save(Path.Combine(folder, Weights), network, SanaTransformerTensors.All(config));
        JsonFile.Save(Path.Combine(folder, "config.json"), Config(config));
        JsonFile.Save(Path.Combine(checkpoint, "scheduler", "scheduler_config.json"), Scheduler(flowShift));
        JsonFile.Save(Path.Combine(checkpoint, "model_index.json"), Index());
    }

    /// <summary>The transformer of a folder, and its config.</summary>
    public static (SanaTransformerModule Network, SanaTransformerConfig Config) Read(string folder)
    {
        var config = SanaTransformerConfig.Load(Path.Combine(folder, "config.json"));
        var network = new SanaTransformerModule(config);
        CheckpointTensors.Load(Path.Combine(folder, Weights), network);
        return (network, config);
    }

    private static JsonObject Config(SanaTransformerConfig config) => new()
    {
        ["_class_name"] = "SanaTransformer2DModel",
        ["_diffusers_version"] = Version,
        ["attention_bias"] = false,
        ["attention_head_dim"] = config.AttentionHeadDim,
        ["caption_channels"] = config.CaptionChannels,
        ["cross_attention_dim"] = config.Width,
        ["cross_attention_head_dim"] = config.CrossAttentionHeadDim,
        ["dropout"] = 0.0,
        ["guidance_embeds"] = false,
        ["guidance_embeds_scale"] = config.GuidanceEmbedsScale,
        ["in_channels"] = config.InChannels,
        ["interpolation_scale"] = config.InterpolationScale,
        ["mlp_ratio"] = config.MlpRatio,
        ["norm_elementwise_affine"] = false,
        ["norm_eps"] = config.NormEps,
        ["num_attention_heads"] = config.NumAttentionHeads,
        ["num_cross_attention_heads"] = config.NumCrossAttentionHeads,
        ["num_layers"] = config.NumLayers,
        ["out_channels"] = config.InChannels,
        ["patch_size"] = 1,
        ["qk_norm"] = config.QkNorm ? "rms_norm_across_heads" : null,
        ["sample_size"] = config.SampleSize,
        ["timestep_scale"] = config.TimestepScale,
    };

    private static JsonObject Scheduler(double flowShift) => new()
    {
        ["_class_name"] = "DPMSolverMultistepScheduler",
        ["_diffusers_version"] = Version,
        ["algorithm_type"] = "dpmsolver++",
        ["euler_at_final"] = false,
        ["final_sigmas_type"] = "zero",
        ["flow_shift"] = flowShift,
        ["lower_order_final"] = true,
        ["num_train_timesteps"] = 1000,
        ["prediction_type"] = "flow_prediction",
        ["solver_order"] = 2,
        ["solver_type"] = "midpoint",
        ["thresholding"] = false,
        ["use_flow_sigmas"] = true,
    };

    private static JsonObject Index() => new()
    {
        ["_class_name"] = "SanaPipeline",
        ["_diffusers_version"] = Version,
        ["scheduler"] = new JsonArray("diffusers", "DPMSolverMultistepScheduler"),
        ["text_encoder"] = new JsonArray("transformers", "Gemma2Model"),
        ["tokenizer"] = new JsonArray("transformers", "GemmaTokenizerFast"),
        ["transformer"] = new JsonArray("diffusers", "SanaTransformer2DModel"),
        ["vae"] = new JsonArray("diffusers", "AutoencoderDC"),
    };
}
