using System.Text.Json.Nodes;
using Sana.Inference.Text;
using TinySana.Networks;
using TinySana.Tokenizers;
using TinySana.Torch;

namespace TinySana.Publishing;

/// <summary>The folder of a CLIP, as transformers' save_pretrained writes it.</summary>
internal static class ClipFolder
{
    private const string Weights = "model.safetensors";

    /// <param name="folder">The folder; it is created.</param>
    /// <param name="clip">Its weights are stored in float16.</param>
    public static void Write(string folder, ClipModule clip)
    {
        var sizes = clip.Sizes;
        ClipTokenizerTraining.Write(folder, sizes.Positions);
        var tokenizer = ClipTokenizer.Load(folder);
        var text = Tower(sizes.Text, sizes, "clip_text_model");
        (text["vocab_size"], text["max_position_embeddings"]) = (sizes.Vocabulary, sizes.Positions);
        (text["bos_token_id"], text["eos_token_id"], text["pad_token_id"]) = (tokenizer.StartId, tokenizer.EndId, tokenizer.PadId);
        var vision = Tower(sizes.Vision.Transformer, sizes, "clip_vision_model");
        (vision["image_size"], vision["patch_size"], vision["num_channels"]) = (sizes.Vision.Side, sizes.Vision.Patch, 3);
        JsonFile.Save(Path.Combine(folder, "config.json"), new JsonObject
        {
            ["architectures"] = new JsonArray("CLIPModel"),
            ["model_type"] = "clip",
            ["dtype"] = "float16",
            ["projection_dim"] = sizes.Projection,
            ["text_config"] = text,
            ["vision_config"] = vision,
        });
        JsonFile.Save(Path.Combine(folder, "preprocessor_config.json"), new JsonObject
        {
            ["image_processor_type"] = "CLIPImageProcessor",
            ["do_convert_rgb"] = true,
            ["do_resize"] = true,
            ["do_center_crop"] = true,
            ["do_rescale"] = true,
            ["do_normalize"] = true,
            ["resample"] = 3,
            ["rescale_factor"] = 1 / 255.0,
            ["size"] = new JsonObject { ["shortest_edge"] = sizes.Vision.Side },
            ["crop_size"] = new JsonObject { ["height"] = sizes.Vision.Side, ["width"] = sizes.Vision.Side },
            ["image_mean"] = new JsonArray(0.5, 0.5, 0.5),
            ["image_std"] = new JsonArray(0.5, 0.5, 0.5),
        });
        CheckpointTensors.Save(Path.Combine(folder, Weights), clip);
    }

    /// <summary>Reads a folder that <see cref="Write"/> has written.</summary>
    public static ClipModule Read(string folder)
    {
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "config.json")))!;
        var (text, vision) = (config["text_config"]!, config["vision_config"]!);
        var images = ReadSizes(vision);
        var clip = new ClipModule(new ClipSizes(
            new VisionSizes(images.Width, images.Layers, images.Heads, (int)vision["image_size"]!, (int)vision["patch_size"]!),
            ReadSizes(text),
            (int)text["vocab_size"]!,
            (int)text["max_position_embeddings"]!,
            (int)config["projection_dim"]!));
        CheckpointTensors.Load(Path.Combine(folder, Weights), clip);
        return clip;
    }

    private static TransformerSizes ReadSizes(JsonNode tower) => new((int)tower["hidden_size"]!, (int)tower["num_hidden_layers"]!, (int)tower["num_attention_heads"]!);

    private static JsonObject Tower(TransformerSizes sizes, ClipSizes clip, string kind) => new()
    {
        ["model_type"] = kind,
        ["hidden_size"] = sizes.Width,
        ["intermediate_size"] = sizes.Inner,
        ["num_hidden_layers"] = sizes.Layers,
        ["num_attention_heads"] = sizes.Heads,
        ["hidden_act"] = "gelu",
        ["layer_norm_eps"] = TransformerSizes.Epsilon,
        ["attention_dropout"] = 0.0,
        ["projection_dim"] = clip.Projection,
    };
}
