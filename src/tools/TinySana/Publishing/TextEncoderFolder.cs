using System.Text.Json.Nodes;
using Sana.GraphBuilder.Configs;
using TinySana.Networks;
using TinySana.Torch;

namespace TinySana.Publishing;

/// <summary>The folder <c>text_encoder</c> of a Sana checkpoint.</summary>
internal static class TextEncoderFolder
{
    private const string Weights = "model.safetensors";

    /// <param name="folder">The folder; it is created.</param>
    /// <param name="network">Its weights are stored in float16.</param>
    /// <param name="config">The config of the network.</param>
    public static void Write(string folder, Gemma2Module network, Gemma2Config config)
    {
        CheckpointTensors.Save(Path.Combine(folder, Weights), network, Gemma2Tensors.All(config));
        JsonFile.Save(Path.Combine(folder, "config.json"), new JsonObject
        {
            ["architectures"] = new JsonArray("Gemma2Model"),
            ["attention_bias"] = false,
            ["attn_logit_softcapping"] = config.AttnLogitSoftcapping,
            ["bos_token_id"] = 2,
            ["dtype"] = "float16",
            ["eos_token_id"] = 1,
            ["final_logit_softcapping"] = 30.0,
            ["head_dim"] = config.HeadDim,
            ["hidden_activation"] = "gelu_pytorch_tanh",
            ["hidden_size"] = config.HiddenSize,
            ["intermediate_size"] = config.IntermediateSize,
            ["layer_types"] = new JsonArray([.. config.SlidingLayers.Select(sliding => (JsonNode)(sliding ? "sliding_attention" : "full_attention"))]),
            ["max_position_embeddings"] = config.MaxPositionEmbeddings,
            ["model_type"] = "gemma2",
            ["num_attention_heads"] = config.NumAttentionHeads,
            ["num_hidden_layers"] = config.NumHiddenLayers,
            ["num_key_value_heads"] = config.NumKeyValueHeads,
            ["pad_token_id"] = 0,
            ["query_pre_attn_scalar"] = config.QueryPreAttnScalar,
            ["rms_norm_eps"] = config.RmsNormEps,
            ["rope_theta"] = config.RopeTheta,
            ["sliding_window"] = config.SlidingWindow,
            ["tie_word_embeddings"] = true,
            ["vocab_size"] = config.VocabSize,
        });
    }

    /// <summary>The encoder of a folder, and its config.</summary>
    public static (Gemma2Module Network, Gemma2Config Config) Read(string folder)
    {
        var config = Gemma2Config.Load(Path.Combine(folder, "config.json"));
        var network = new Gemma2Module(config);
        CheckpointTensors.Load(Path.Combine(folder, Weights), network);
        return (network, config);
    }
}
