using System.Text.Json.Nodes;
using TinySana.Networks;
using TinySana.Tokenizers;
using TinySana.Torch;

namespace TinySana.Publishing;

/// <summary>Writes a captioner as transformers' save_pretrained would.</summary>
internal static class CaptionerFolder
{
    private const string Weights = "model.safetensors";

    /// <param name="folder">Where; it is made.</param>
    /// <param name="captioner">Its weights, stored in half precision.</param>
    public static void Write(string folder, Captioner captioner)
    {
        var (vision, decoder, options) = (captioner.Options.Vision, captioner.Options.Decoder, captioner.Options);
        Gpt2TokenizerTraining.Write(folder, options.Positions);
        var end = new Gpt2Tokenizer(folder).EndId;
        JsonFile.Save(Path.Combine(folder, "config.json"), new JsonObject
        {
            ["architectures"] = new JsonArray("VisionEncoderDecoderModel"),
            ["model_type"] = "vision-encoder-decoder",
            ["is_encoder_decoder"] = true,
            ["dtype"] = "float16",
            ["decoder_start_token_id"] = end,
            ["eos_token_id"] = end,
            ["pad_token_id"] = end,
            ["tie_word_embeddings"] = true,
            ["encoder"] = Encoder(vision),
            ["decoder"] = Decoder(decoder, options, end),
        });
        JsonFile.Save(Path.Combine(folder, "generation_config.json"), new JsonObject
        {
            ["decoder_start_token_id"] = end,
            ["bos_token_id"] = end,
            ["eos_token_id"] = end,
            ["pad_token_id"] = end,
            ["max_length"] = options.Positions,
        });
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
        SafetensorsFile.Save(Path.Combine(folder, Weights), captioner.named_parameters().Select(one => (one.name, (TorchSharp.torch.Tensor)one.parameter)), half: true);
    }

    /// <summary>Reads what <see cref="Write"/> wrote.</summary>
    public static Captioner Read(string folder)
    {
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "config.json")))!;
        var (encoder, decoder) = (config["encoder"]!, config["decoder"]!);
        var vision = new VisionOptions(
            (int)encoder["hidden_size"]!,
            (int)encoder["num_hidden_layers"]!,
            (int)encoder["num_attention_heads"]!,
            (int)encoder["image_size"]!,
            (int)encoder["patch_size"]!);
        var captioner = new Captioner(new CaptionerOptions(vision, (int)decoder["n_layer"]!, (int)decoder["vocab_size"]!, (int)decoder["n_positions"]!));
        CheckpointTensors.Load(Path.Combine(folder, Weights), captioner);
        return captioner;
    }

    private static JsonObject Encoder(VisionOptions options) => new()
    {
        ["model_type"] = "vit",
        ["architectures"] = new JsonArray("ViTModel"),
        ["hidden_size"] = options.Width,
        ["num_hidden_layers"] = options.Layers,
        ["num_attention_heads"] = options.Heads,
        ["intermediate_size"] = options.Tower.Inner,
        ["hidden_act"] = "gelu",
        ["layer_norm_eps"] = TowerOptions.Epsilon,
        ["image_size"] = options.Side,
        ["patch_size"] = options.Patch,
        ["num_channels"] = 3,
        ["qkv_bias"] = true,
    };

    private static JsonObject Decoder(TowerOptions options, CaptionerOptions captioner, int end) => new()
    {
        ["model_type"] = "gpt2",
        ["architectures"] = new JsonArray("GPT2LMHeadModel"),
        ["add_cross_attention"] = true,
        ["is_decoder"] = true,
        ["vocab_size"] = captioner.Vocabulary,
        ["n_positions"] = captioner.Positions,
        ["n_embd"] = options.Width,
        ["n_layer"] = options.Layers,
        ["n_head"] = options.Heads,
        ["n_inner"] = options.Inner,
        ["activation_function"] = "gelu",
        ["layer_norm_epsilon"] = TowerOptions.Epsilon,
        ["bos_token_id"] = end,
        ["eos_token_id"] = end,
        ["tie_word_embeddings"] = true,
    };
}
