using System.Text.Json.Nodes;
using TinySana.Networks;
using TinySana.Torch;

namespace TinySana.Publishing;

/// <summary>What the folders of networks with a ViT have in common.</summary>
internal static class VitFiles
{
    /// <summary>A ViT in a config.json.</summary>
    public static JsonObject Config(VisionSizes sizes, string architecture) => new()
    {
        ["model_type"] = "vit",
        ["architectures"] = new JsonArray(architecture),
        ["hidden_size"] = sizes.Width,
        ["num_hidden_layers"] = sizes.Layers,
        ["num_attention_heads"] = sizes.Heads,
        ["intermediate_size"] = sizes.Transformer.Inner,
        ["hidden_act"] = "gelu",
        ["layer_norm_eps"] = TransformerSizes.Epsilon,
        ["image_size"] = sizes.Side,
        ["patch_size"] = sizes.Patch,
        ["num_channels"] = 3,
        ["qkv_bias"] = true,
    };

    /// <summary>Reads what <see cref="Config"/> has written.</summary>
    public static VisionSizes ReadSizes(JsonNode config) => new(
        (int)config["hidden_size"]!, (int)config["num_hidden_layers"]!, (int)config["num_attention_heads"]!, (int)config["image_size"]!, (int)config["patch_size"]!);

    /// <summary>Writes preprocessor_config.json: images are stretched to the network's size, in −1…1.</summary>
    public static void WritePreprocessor(string folder, VisionSizes vision) =>
        JsonFile.Save(Path.Combine(folder, "preprocessor_config.json"), new JsonObject
        {
            ["image_processor_type"] = "ViTImageProcessor",
            ["do_resize"] = true,
            ["do_rescale"] = true,
            ["do_normalize"] = true,
            ["resample"] = 2,
            ["rescale_factor"] = 1 / 255.0,
            ["size"] = new JsonObject { ["height"] = vision.Side, ["width"] = vision.Side },
            ["image_mean"] = new JsonArray(0.5, 0.5, 0.5),
            ["image_std"] = new JsonArray(0.5, 0.5, 0.5),
        });
}
