namespace Sana.GraphBuilder.Configs;

/// <summary>
/// config.json of an image captioner: transformers' VisionEncoderDecoderModel with a ViT encoder and a GPT-2 decoder, as nlpconnect/vit-gpt2-image-captioning and its kin are published.
/// </summary>
/// <remarks>
/// The checkpoint, whoever writes it. Files: <c>config.json</c> (<c>model_type</c> "vision-encoder-decoder", sections <c>encoder</c> and <c>decoder</c>), <c>preprocessor_config.json</c>,
/// optionally <c>generation_config.json</c>, <c>vocab.json</c> or <c>tokenizer.json</c>, and <c>model.safetensors</c> with float32, float16 or bfloat16 tensors. With e, f the encoder's hidden and
/// intermediate size, p its patch size, n = (image_size / p)² patches, d = n_embd, m = n_inner, v = vocab_size:
/// <code>
/// encoder.embeddings.cls_token [1, 1, e] · .position_embeddings [1, n + 1, e] · .patch_embeddings.projection.weight [e, 3, p, p], .bias [e]
/// encoder.encoder.layer.{i}.layernorm_before, .layernorm_after: .weight [e], .bias [e]
/// encoder.encoder.layer.{i}.attention.attention.query, .key, .value: .weight [e, e], .bias [e] (unless qkv_bias is false)
/// encoder.encoder.layer.{i}.attention.output.dense.weight [e, e], .bias [e] · .intermediate.dense.weight [f, e], .bias [f] · .output.dense.weight [e, f], .bias [e]
/// encoder.layernorm.weight [e], .bias [e]
/// enc_to_dec_proj.weight [d, e], .bias [d] (only where e ≠ d)
/// decoder.transformer.wte.weight [v, d] · .wpe.weight [n_positions, d]
/// decoder.transformer.h.{i}.ln_1, .ln_cross_attn, .ln_2: .weight [d], .bias [d]
/// decoder.transformer.h.{i}.attn.c_attn.weight [d, 3d], .bias [3d] · .attn.c_proj.weight [d, d], .bias [d]
/// decoder.transformer.h.{i}.crossattention.q_attn.weight [d, d], .bias [d] · .c_attn.weight [d, 2d], .bias [2d] (keys, then values) · .c_proj.weight [d, d], .bias [d]
/// decoder.transformer.h.{i}.mlp.c_fc.weight [d, m], .bias [m] · .mlp.c_proj.weight [m, d], .bias [d]
/// decoder.transformer.ln_f.weight [d], .bias [d]
/// decoder.lm_head.weight [v, d] (where it is missing, or wte is, the other one serves for both)
/// </code>
/// GPT-2's own products (c_attn, q_attn, c_proj, c_fc) are stored [in, out], all others [out, in]. Anything else in the file (pooler, attention masks) is left alone.
/// </remarks>
internal sealed record CaptionerConfig(VitConfig Encoder, Gpt2Config Decoder, CaptionerGeneration Generation)
{
    public const string ModelType = "vision-encoder-decoder";

    /// <summary>Whether the encoder's states are projected to the decoder's width.</summary>
    public bool Projects => Encoder.HiddenSize != Decoder.NEmbd;

    /// <param name="configFile">config.json.</param>
    /// <param name="generationFile">generation_config.json, which may be missing.</param>
    /// <exception cref="CheckpointException">A value is out of range, or asks for a form of the network that is not built here.</exception>
    public static CaptionerConfig Load(string configFile, string generationFile)
    {
        var json = JsonConfig.Load(configFile);
        json.Word("model_type", null, ModelType);
        var (encoder, decoder) = (json.Section("encoder"), json.Section("decoder"));
        var (vit, gpt2) = (VitConfig.Load(encoder), Gpt2Config.Load(decoder));

        // Given, it says that the decoder takes the encoder's width as it is; GPT-2's cross attention can do so only where both are equal.
        if (decoder.Has("cross_attention_hidden_size") && (decoder.Integer("cross_attention_hidden_size", 1, 65_536) != vit.HiddenSize || vit.HiddenSize != gpt2.NEmbd))
            throw decoder.Wrong("cross_attention_hidden_size", "null, or equal to encoder.hidden_size and decoder.n_embd");

        JsonConfig[] sources = File.Exists(generationFile) ? [JsonConfig.Load(generationFile), json, decoder] : [json, decoder];
        return new CaptionerConfig(vit, gpt2, CaptionerGeneration.Load(sources, gpt2));
    }
}
