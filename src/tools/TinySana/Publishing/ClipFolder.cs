using System.Text.Json.Nodes;
using Sana.Inference.Text;
using TinySana.Networks;
using TinySana.Tokenizers;
using TinySana.Torch;

namespace TinySana.Publishing;

/// <summary>Writes a CLIP as transformers' save_pretrained would.</summary>
internal static class ClipFolder
{
    private const string Weights = "model.safetensors";

    /// <param name="folder">Where; it is made.</param>
    /// <param name="clip">Its weights, stored in half precision.</param>
    public static void Write(string folder, Clip clip)
    {
        var options = clip.Options;
        ClipTokenizerTraining.Write(folder, options.Positions);
        var tokenizer = ClipTokenizer.Load(folder);
        var text = Tower(options.Text, options, "clip_text_model");
        (text["vocab_size"], text["max_position_embeddings"]) = (options.Vocabulary, options.Positions);
        (text["bos_token_id"], text["eos_token_id"], text["pad_token_id"]) = (tokenizer.StartId, tokenizer.EndId, tokenizer.PadId);
        var vision = Tower(options.Vision.Tower, options, "clip_vision_model");
        (vision["image_size"], vision["patch_size"], vision["num_channels"]) = (options.Vision.Side, options.Vision.Patch, 3);
        JsonFile.Save(Path.Combine(folder, "config.json"), new JsonObject
        {
            ["architectures"] = new JsonArray("CLIPModel"),
            ["model_type"] = "clip",
            ["dtype"] = "float16",
            ["projection_dim"] = options.Projection,
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
            ["size"] = new JsonObject { ["shortest_edge"] = options.Vision.Side },
            ["crop_size"] = new JsonObject { ["height"] = options.Vision.Side, ["width"] = options.Vision.Side },
            ["image_mean"] = new JsonArray(0.5, 0.5, 0.5),
            ["image_std"] = new JsonArray(0.5, 0.5, 0.5),
        });
        SafetensorsFile.Save(Path.Combine(folder, Weights), clip.named_parameters().Select(one => (one.name, (TorchSharp.torch.Tensor)one.parameter)), half: true);
    }

    /// <summary>Reads what <see cref="Write"/> wrote.</summary>
    public static Clip Read(string folder)
    {
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "config.json")))!;
        var (text, vision) = (config["text_config"]!, config["vision_config"]!);
        var (words, images) = (Sizes(text), Sizes(vision));
        var clip = new Clip(new ClipOptions(
            new VisionOptions(images.Width, images.Layers, images.Heads, (int)vision["image_size"]!, (int)vision["patch_size"]!),
            words,
            (int)text["vocab_size"]!,
            (int)text["max_position_embeddings"]!,
            (int)config["projection_dim"]!));
        CheckpointTensors.Load(Path.Combine(folder, Weights), clip);
        return clip;
    }

    private static TowerOptions Sizes(JsonNode tower) => new((int)tower["hidden_size"]!, (int)tower["num_hidden_layers"]!, (int)tower["num_attention_heads"]!);

    private static JsonObject Tower(TowerOptions options, ClipOptions clip, string kind) => new()
    {
        ["model_type"] = kind,
        ["hidden_size"] = options.Width,
        ["intermediate_size"] = options.Inner,
        ["num_hidden_layers"] = options.Layers,
        ["num_attention_heads"] = options.Heads,
        ["hidden_act"] = "gelu",
        ["layer_norm_eps"] = TowerOptions.Epsilon,
        ["attention_dropout"] = 0.0,
        ["projection_dim"] = clip.Projection,
    };
}
