using System.Text.Json.Nodes;
using Sana.GraphBuilder.Configs;
using TinySana.Networks;
using TinySana.Torch;

namespace TinySana.Publishing;

/// <summary>The folder of an autoencoder, as diffusers' save_pretrained writes it.</summary>
internal static class VaeFolder
{
    private const string Weights = "diffusion_pytorch_model.safetensors";

    /// <param name="folder">The folder; it is created.</param>
    /// <param name="network">Its weights are stored in float16.</param>
    /// <param name="config">The config of the network, with the scale of its latents.</param>
    public static void Write(string folder, AutoencoderDCModule network, AutoencoderDCConfig config)
    {
        var tensors = AutoencoderDCTensors.All(config);
        CheckpointTensors.Save(Path.Combine(folder, Weights), network, tensors);
        JsonFile.Save(Path.Combine(folder, "config.json"), new JsonObject
        {
            ["_class_name"] = "AutoencoderDC",
            ["attention_head_dim"] = config.AttentionHeadDim,
            ["decoder_act_fns"] = "silu",
            ["decoder_block_out_channels"] = Widths(config.Decoder),
            ["decoder_block_types"] = Types(config.Decoder),
            ["decoder_conv_act_fn"] = config.DecoderConvActFn,
            ["decoder_in_shortcut"] = config.DecoderInShortcut,
            ["decoder_layers_per_block"] = Layers(config.Decoder),
            ["decoder_norm_types"] = "rms_norm",
            ["decoder_qkv_multiscales"] = NoScales(config.Decoder),
            ["downsample_block_type"] = "Conv",
            ["encoder_block_out_channels"] = Widths(config.Encoder),
            ["encoder_block_types"] = Types(config.Encoder),
            ["encoder_layers_per_block"] = Layers(config.Encoder),
            ["encoder_out_shortcut"] = config.EncoderOutShortcut,
            ["encoder_qkv_multiscales"] = NoScales(config.Encoder),
            ["in_channels"] = config.InChannels,
            ["latent_channels"] = config.LatentChannels,
            ["scaling_factor"] = config.ScalingFactor,
            ["upsample_block_type"] = "interpolate",
        });
    }

    /// <summary>The autoencoder of a folder, and its config.</summary>
    public static (AutoencoderDCModule Network, AutoencoderDCConfig Config) Read(string folder)
    {
        var config = AutoencoderDCConfig.Load(Path.Combine(folder, "config.json"));
        var network = new AutoencoderDCModule(config);
        CheckpointTensors.Load(Path.Combine(folder, Weights), network);
        return (network, config);
    }

    private static JsonArray Widths(AutoencoderStage[] stages) => [.. stages.Select(stage => (JsonNode)stage.Channels)];

    private static JsonArray Layers(AutoencoderStage[] stages) => [.. stages.Select(stage => (JsonNode)stage.Layers)];

    private static JsonArray Types(AutoencoderStage[] stages) => [.. stages.Select(stage => (JsonNode)(stage.IsEfficientViT ? "EfficientViTBlock" : "ResBlock"))];

    private static JsonArray NoScales(AutoencoderStage[] stages) => [.. stages.Select(_ => (JsonNode)new JsonArray())];
}
