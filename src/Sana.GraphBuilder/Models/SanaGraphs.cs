using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Onnx;
using Sana.GraphBuilder.Safetensors;

namespace Sana.GraphBuilder.Models;

/// <summary>The graphs of a Sana checkpoint: where the networks are cut, and the names of inputs and outputs. ARCHITECTURE.md and Sana.Inference have the same names.</summary>
internal static class SanaGraphs
{
    private static readonly Dim Batch = Dim.Symbolic("batch");
    private static readonly Dim TextTokens = Dim.Symbolic("text_tokens");

    /// <summary>text_encoder/model.onnx.</summary>
    public static Graph TextEncoder(Gemma2Config config, SafetensorsWeights weights, Arithmetic? arithmetic = null, Func<string, bool>? expose = null)
    {
        var g = new Graph("text_encoder", weights, arithmetic, expose);
        var ids = g.Input("input_ids", ElementType.Int64, Batch, Dim.Symbolic("sequence"));
        var past = Enumerable.Range(0, config.NumHiddenLayers).Select(i => new KeysAndValues(Past(i, "key"), Past(i, "value"))).ToArray();
        var (hidden, present) = new Gemma2Graph(g, config).Encode(ids, past);
        g.Output("last_hidden_state", hidden);
        for (var i = 0; i < present.Length; i++)
        {
            g.Output($"present.{i}.key", present[i].Key);
            g.Output($"present.{i}.value", present[i].Value);
        }

        return g;

        Value Past(int layer, string what) =>
            g.Cast(g.Input($"past_key_values.{layer}.{what}", ElementType.Float, Batch, config.NumKeyValueHeads, Dim.Symbolic("past"), config.HeadDim), g.Compute);
    }

    /// <summary>text_encoder/head.onnx: hidden states to the logits of some tokens, before their soft cap. The head is the embedding.</summary>
    public static Graph Head(Gemma2Config config, SafetensorsWeights weights)
    {
        var g = new Graph("text_encoder_head", weights);
        g.Path = "embed_tokens";
        var hidden = g.Input("hidden_states", ElementType.Float, Batch, config.HiddenSize);
        // Gather before Cast: only the rows that are asked for are read from the file.
        var ids = g.Input("input_ids", ElementType.Int64, Dim.Symbolic("tokens"));
        var rows = g.Gather(g.Stored("embed_tokens.weight"), ids, 0);
        rows = g.Reshape(g.Cast(rows, ElementType.Float), rows[0], config.HiddenSize); // [tokens, hidden]
        g.Output("logits", g.MatMul(hidden, g.Transpose(rows, 1, 0))); // [b, tokens]
        return g;
    }

    /// <summary>transformer/conditioning.onnx: what depends only on the prompt.</summary>
    public static Graph Conditioning(SanaTransformerConfig config, SafetensorsWeights weights, Arithmetic? arithmetic = null, Func<string, bool>? expose = null, bool extended = false)
    {
        var g = new Graph("conditioning", weights, arithmetic, expose) { IsExtended = extended };
        var embeddings = g.Input("encoder_hidden_states", ElementType.Float, Batch, TextTokens, config.CaptionChannels);
        var text = new SanaTransformerGraph(g, config, clamp: false).Conditioning(embeddings);
        for (var i = 0; i < text.Length; i++)
        {
            g.Output(KeyOf(i), text[i].Key);
            g.Output(ValueOf(i), text[i].Value);
        }

        return g;
    }

    /// <summary>transformer/model.onnx: what runs once a step.</summary>
    public static Graph Denoiser(SanaTransformerConfig config, SafetensorsWeights weights, bool clamp, Arithmetic? arithmetic = null, Func<string, bool>? expose = null, bool extended = false)
    {
        var g = new Graph("transformer", weights, arithmetic, expose) { IsExtended = extended };
        var (latents, timestep, guidance, mask) = DenoiserInputs(g, config);
        g.Output("out_hidden_states", new SanaTransformerGraph(g, config, clamp).Denoise(latents, timestep, guidance, mask, TextInputs(g, config)));
        return g;
    }

    /// <summary>model.onnx of a control network: what runs once a step, before the transformer. Its conditioning.onnx is <see cref="Conditioning"/> of its own weights.</summary>
    public static Graph Control(SanaTransformerConfig config, SafetensorsWeights weights, bool clamp, Arithmetic? arithmetic = null, Func<string, bool>? expose = null)
    {
        var g = new Graph("controlnet", weights, arithmetic, expose);
        var (latents, timestep, _, mask) = DenoiserInputs(g, config);
        var control = g.Input("controlnet_cond", ElementType.Float, latents.Shape);
        var scale = g.Input("conditioning_scale", ElementType.Float, 1);
        var residuals = new SanaTransformerGraph(g, config, clamp).Control(latents, control, scale, timestep, mask, TextInputs(g, config));
        for (var i = 0; i < residuals.Length; i++)
            g.Output(SanaTransformerGraph.ResidualOf(i), residuals[i]);
        return g;
    }

    /// <summary>The transformer in one piece, as published. Tests compare the two graphs above with it.</summary>
    public static Graph Transformer(SanaTransformerConfig config, SafetensorsWeights weights, bool clamp, Arithmetic? arithmetic = null, Func<string, bool>? expose = null)
    {
        var g = new Graph("transformer", weights, arithmetic, expose);
        var (latents, timestep, guidance, mask) = DenoiserInputs(g, config);
        var embeddings = g.Input("encoder_hidden_states", ElementType.Float, Batch, TextTokens, config.CaptionChannels);
        var network = new SanaTransformerGraph(g, config, clamp);
        g.Output("out_hidden_states", network.Denoise(latents, timestep, guidance, mask, network.Conditioning(embeddings)));
        return g;
    }

    /// <summary>vae/encoder.onnx: what image to image needs.</summary>
    public static Graph Encoder(AutoencoderDCConfig config, SafetensorsWeights weights, Func<string, bool>? expose = null)
    {
        var g = new Graph("vae_encoder", weights, expose: expose);
        var image = g.Input("sample", ElementType.Float, Batch, 3, Dim.Symbolic("latent_height") * config.SpatialCompression, Dim.Symbolic("latent_width") * config.SpatialCompression);
        g.Output("latent_sample", new AutoencoderDCGraph(g, config).Encode(image));
        return g;
    }

    /// <summary>vae/decoder.onnx.</summary>
    public static Graph Decoder(AutoencoderDCConfig config, SafetensorsWeights weights, Func<string, bool>? expose = null)
    {
        var g = new Graph("vae_decoder", weights, expose: expose);
        var latent = g.Input("latent_sample", ElementType.Float, Batch, config.LatentChannels, Dim.Symbolic("latent_height"), Dim.Symbolic("latent_width"));
        g.Output("sample", new AutoencoderDCGraph(g, config).Decode(latent));
        return g;
    }

    private static (Value Latents, Value Timestep, Value? Guidance, Value Mask) DenoiserInputs(Graph g, SanaTransformerConfig config) => (
        g.Input("hidden_states", ElementType.Float, Batch, config.InChannels, Dim.Symbolic("height"), Dim.Symbolic("width")),
        g.Input("timestep", ElementType.Float, Batch),
        config.GuidanceEmbeds ? g.Input("guidance", ElementType.Float, Batch) : null,
        g.Input("encoder_attention_mask", ElementType.Int64, Batch, TextTokens));

    private static KeysAndValues[] TextInputs(Graph g, SanaTransformerConfig config)
    {
        long heads = config.NumCrossAttentionHeads, size = config.CrossAttentionHeadDim;
        return [.. Enumerable.Range(0, config.NumLayers).Select(i => new KeysAndValues(
            g.Cast(g.Input(KeyOf(i), ElementType.Float, Batch, heads, size, TextTokens), g.Compute),
            g.Cast(g.Input(ValueOf(i), ElementType.Float, Batch, heads, TextTokens, size), g.Compute)))];
    }

    private static string KeyOf(int block) => $"transformer_blocks.{block}.attn2.k";

    private static string ValueOf(int block) => $"transformer_blocks.{block}.attn2.v";
}

/// <summary>Keys and values of one attention layer.</summary>
internal readonly record struct KeysAndValues(Value Key, Value Value);
