using System.Text.Json.Nodes;
using TinySana.Networks;
using TinySana.Tokenizers;
using TinySana.Torch;

namespace TinySana.Publishing;

/// <summary>The folder of a captioner, as transformers' save_pretrained writes it.</summary>
internal static class CaptionerFolder
{
    private const string Weights = "model.safetensors";

    /// <param name="folder">The folder; it is created.</param>
    /// <param name="captioner">Its weights are stored in float16.</param>
    public static void Write(string folder, CaptionerModule captioner)
    {
        var (vision, decoder, sizes) = (captioner.Sizes.Vision, captioner.Sizes.Decoder, captioner.Sizes);
        Gpt2TokenizerTraining.Write(folder, sizes.Positions);
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
            ["encoder"] = VitFiles.Config(vision, "ViTModel"),
            ["decoder"] = Decoder(decoder, sizes, end),
        });
        JsonFile.Save(Path.Combine(folder, "generation_config.json"), new JsonObject
        {
            ["decoder_start_token_id"] = end,
            ["bos_token_id"] = end,
            ["eos_token_id"] = end,
            ["pad_token_id"] = end,
            ["max_length"] = sizes.Positions,
        });
        VitFiles.WritePreprocessor(folder, vision);
        CheckpointTensors.Save(Path.Combine(folder, Weights), captioner);
    }

    /// <summary>Reads a folder that <see cref="Write"/> has written.</summary>
    public static CaptionerModule Read(string folder)
    {
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "config.json")))!;
        var (encoder, decoder) = (config["encoder"]!, config["decoder"]!);
        var captioner = new CaptionerModule(new CaptionerSizes(VitFiles.ReadSizes(encoder), (int)decoder["n_layer"]!, (int)decoder["vocab_size"]!, (int)decoder["n_positions"]!));
        CheckpointTensors.Load(Path.Combine(folder, Weights), captioner);
        return captioner;
    }

    private static JsonObject Decoder(TransformerSizes sizes, CaptionerSizes captioner, int end) => new()
    {
        ["model_type"] = "gpt2",
        ["architectures"] = new JsonArray("GPT2LMHeadModel"),
        ["add_cross_attention"] = true,
        ["is_decoder"] = true,
        ["vocab_size"] = captioner.Vocabulary,
        ["n_positions"] = captioner.Positions,
        ["n_embd"] = sizes.Width,
        ["n_layer"] = sizes.Layers,
        ["n_head"] = sizes.Heads,
        ["n_inner"] = sizes.Inner,
        ["activation_function"] = "gelu",
        ["layer_norm_epsilon"] = TransformerSizes.Epsilon,
        ["bos_token_id"] = end,
        ["eos_token_id"] = end,
        ["tie_word_embeddings"] = true,
    };
}
