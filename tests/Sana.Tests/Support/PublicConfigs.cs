namespace Sana.Tests.Support;

/// <summary>The configs of the published checkpoints, as their config.json says it.</summary>
internal static class PublicConfigs
{
    public const string Gemma2 = """
        {
          "architectures": ["Gemma2Model"], "model_type": "gemma2", "attention_bias": false, "attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0,
          "head_dim": 256, "hidden_activation": "gelu_pytorch_tanh", "hidden_size": 2304, "intermediate_size": 9216, "max_position_embeddings": 8192,
          "num_attention_heads": 8, "num_hidden_layers": 26, "num_key_value_heads": 4, "query_pre_attn_scalar": 256, "rms_norm_eps": 1e-06,
          "rope_theta": 10000.0, "sliding_window": 4096, "vocab_size": 256000
        }
        """;

    public const string AutoencoderDC = """
        {
          "_class_name": "AutoencoderDC", "in_channels": 3, "latent_channels": 32, "attention_head_dim": 32,
          "encoder_block_types": ["ResBlock", "ResBlock", "ResBlock", "EfficientViTBlock", "EfficientViTBlock", "EfficientViTBlock"],
          "decoder_block_types": ["ResBlock", "ResBlock", "ResBlock", "EfficientViTBlock", "EfficientViTBlock", "EfficientViTBlock"],
          "encoder_block_out_channels": [128, 256, 512, 512, 1024, 1024], "decoder_block_out_channels": [128, 256, 512, 512, 1024, 1024],
          "encoder_layers_per_block": [2, 2, 2, 3, 3, 3], "decoder_layers_per_block": [3, 3, 3, 3, 3, 3],
          "encoder_qkv_multiscales": [[], [], [], [5], [5], [5]], "decoder_qkv_multiscales": [[], [], [], [5], [5], [5]],
          "upsample_block_type": "interpolate", "downsample_block_type": "Conv", "decoder_norm_types": "rms_norm", "decoder_act_fns": "silu",
          "scaling_factor": 0.41407
        }
        """;

    public const string ClipVitB32 = """{ "model_type": "clip", "projection_dim": 512, "text_config": {}, "vision_config": {} }""";

    public const string ClipVitL14 = """
        {
          "model_type": "clip", "projection_dim": 768,
          "text_config": { "hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12, "num_hidden_layers": 12, "eos_token_id": 2 },
          "vision_config": { "hidden_size": 1024, "intermediate_size": 4096, "num_attention_heads": 16, "num_hidden_layers": 24, "patch_size": 14 }
        }
        """;

    public const string VitGpt2 = """
        {
          "architectures": ["VisionEncoderDecoderModel"], "model_type": "vision-encoder-decoder", "is_encoder_decoder": true, "tie_word_embeddings": false,
          "bos_token_id": 50256, "decoder_start_token_id": 50256, "eos_token_id": 50256, "pad_token_id": 50256,
          "encoder": {
            "model_type": "vit", "hidden_act": "gelu", "hidden_size": 768, "image_size": 224, "intermediate_size": 3072, "layer_norm_eps": 1e-12, "num_attention_heads": 12,
            "num_channels": 3, "num_hidden_layers": 12, "patch_size": 16, "qkv_bias": true
          },
          "decoder": {
            "model_type": "gpt2", "activation_function": "gelu_new", "add_cross_attention": true, "cross_attention_hidden_size": null, "is_decoder": true, "layer_norm_epsilon": 1e-05,
            "max_length": 20, "n_ctx": 1024, "n_embd": 768, "n_head": 12, "n_inner": null, "n_layer": 12, "n_positions": 1024, "reorder_and_upcast_attn": false,
            "scale_attn_by_inverse_layer_idx": false, "scale_attn_weights": true, "tie_word_embeddings": true, "vocab_size": 50257
          }
        }
        """;

    /// <summary>Falconsai/nsfw_image_detection.</summary>
    public const string NsfwClassifier = """
        {
          "_name_or_path": "google/vit-base-patch16-224-in21k", "architectures": ["ViTForImageClassification"], "attention_probs_dropout_prob": 0.0, "encoder_stride": 16, "hidden_act": "gelu",
          "hidden_dropout_prob": 0.0, "hidden_size": 768, "id2label": {"0": "normal", "1": "nsfw"}, "image_size": 224, "initializer_range": 0.02, "intermediate_size": 3072,
          "label2id": {"normal": "0", "nsfw": "1"}, "layer_norm_eps": 1e-12, "model_type": "vit", "num_attention_heads": 12, "num_channels": 3, "num_hidden_layers": 12, "patch_size": 16,
          "problem_type": "single_label_classification", "qkv_bias": true, "torch_dtype": "float32", "transformers_version": "4.31.0"
        }
        """;

    /// <summary>CompVis/stable-diffusion-safety-checker; its sections are there twice, and those of the first kind are full of settings of text generation.</summary>
    public const string SafetyChecker = """
        {
          "_name_or_path": "./safety_module", "architectures": ["StableDiffusionSafetyChecker"], "initializer_factor": 1.0, "logit_scale_init_value": 2.6592, "model_type": "clip", "projection_dim": 768,
          "text_config": {
            "attention_dropout": 0.0, "bos_token_id": 0, "diversity_penalty": 0.0, "do_sample": false, "dropout": 0.0, "eos_token_id": 2, "hidden_act": "quick_gelu", "hidden_size": 768,
            "intermediate_size": 3072, "layer_norm_eps": 1e-05, "max_length": 20, "max_position_embeddings": 77, "model_type": "clip_text_model", "num_attention_heads": 12, "num_beams": 1,
            "num_hidden_layers": 12, "vocab_size": 49408
          },
          "text_config_dict": {"hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12, "num_hidden_layers": 12},
          "torch_dtype": "float32", "transformers_version": null,
          "vision_config": {
            "attention_dropout": 0.0, "dropout": 0.0, "hidden_act": "quick_gelu", "hidden_size": 1024, "image_size": 224, "intermediate_size": 4096, "layer_norm_eps": 1e-05, "max_length": 20,
            "model_type": "clip_vision_model", "num_attention_heads": 16, "num_beams": 1, "num_hidden_layers": 24, "patch_size": 14
          },
          "vision_config_dict": {"hidden_size": 1024, "intermediate_size": 4096, "num_attention_heads": 16, "num_hidden_layers": 24, "patch_size": 14}
        }
        """;

    /// <summary>google/siglip2-base-patch16-224.</summary>
    public const string Siglip2Base = """
        {
          "architectures": ["SiglipModel"], "initializer_factor": 1.0, "model_type": "siglip", "torch_dtype": "float32", "transformers_version": "4.49.0.dev0",
          "text_config": {
            "attention_dropout": 0.0, "hidden_act": "gelu_pytorch_tanh", "hidden_size": 768, "intermediate_size": 3072, "layer_norm_eps": 1e-06, "max_position_embeddings": 64,
            "model_type": "siglip_text_model", "num_attention_heads": 12, "num_hidden_layers": 12, "projection_size": 768, "torch_dtype": "float32", "vocab_size": 256000
          },
          "vision_config": {
            "attention_dropout": 0.0, "hidden_act": "gelu_pytorch_tanh", "hidden_size": 768, "image_size": 224, "intermediate_size": 3072, "layer_norm_eps": 1e-06,
            "model_type": "siglip_vision_model", "num_attention_heads": 12, "num_channels": 3, "num_hidden_layers": 12, "patch_size": 16, "torch_dtype": "float32"
          }
        }
        """;

    /// <summary>florence-community/Florence-2-base: 64 · n rows of the token table for its 51,290 tokens.</summary>
    public const string Florence2Base = """
        {
          "architectures": ["Florence2ForConditionalGeneration"], "model_type": "florence2", "image_token_id": 51289, "is_encoder_decoder": true, "dtype": "float16",
          "text_config": {
            "model_type": "bart", "activation_function": "gelu", "d_model": 768, "encoder_layers": 6, "encoder_attention_heads": 12, "encoder_ffn_dim": 3072, "decoder_layers": 6,
            "decoder_attention_heads": 12, "decoder_ffn_dim": 3072, "max_position_embeddings": 1024, "vocab_size": 51328, "scale_embedding": false, "dropout": 0.1,
            "activation_dropout": 0.1, "attention_dropout": 0.1, "init_std": 0.02, "bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 2,
            "forced_eos_token_id": 2
          },
          "vision_config": {
            "model_type": "florence_vision", "depths": [1, 1, 9, 1], "embed_dim": [128, 256, 512, 1024], "num_heads": [4, 8, 16, 32], "num_groups": [4, 8, 16, 32],
            "patch_size": [7, 3, 3, 3], "patch_stride": [4, 2, 2, 2], "patch_padding": [3, 1, 1, 1], "patch_prenorm": [false, true, true, true], "window_size": 12,
            "projection_dim": 768, "drop_path_rate": 0.1, "mlp_ratio": 4.0, "qkv_bias": true, "max_temporal_embeddings": 100, "max_position_embeddings": 50
          }
        }
        """;

    /// <summary>florence-community/Florence-2-large.</summary>
    public static readonly string Florence2Large = Florence2Base
        .Replace("\"d_model\": 768, \"encoder_layers\": 6, \"encoder_attention_heads\": 12, \"encoder_ffn_dim\": 3072, \"decoder_layers\": 6", "\"d_model\": 1024, \"encoder_layers\": 12, \"encoder_attention_heads\": 16, \"encoder_ffn_dim\": 4096, \"decoder_layers\": 12", StringComparison.Ordinal)
        .Replace("\"decoder_attention_heads\": 12, \"decoder_ffn_dim\": 3072", "\"decoder_attention_heads\": 16, \"decoder_ffn_dim\": 4096", StringComparison.Ordinal)
        .Replace("[128, 256, 512, 1024], \"num_heads\": [4, 8, 16, 32], \"num_groups\": [4, 8, 16, 32]", "[256, 512, 1024, 2048], \"num_heads\": [8, 16, 32, 64], \"num_groups\": [8, 16, 32, 64]", StringComparison.Ordinal)
        .Replace("\"projection_dim\": 768", "\"projection_dim\": 1024", StringComparison.Ordinal);

    /// <summary>transformer/config.json by the name of the model.</summary>
    public static readonly IReadOnlyDictionary<string, string> SanaTransformers = new Dictionary<string, string>
    {
        ["0.6B"] = Small(layers: 28, sampleSize: 32),
        ["1.6B"] = Large(layers: 20, sampleSize: 32),
        ["1.6B-2K"] = Large(layers: 20, sampleSize: 64, interpolationScale: "1.0"),
        ["1.6B-4K"] = Large(layers: 20, sampleSize: 128, interpolationScale: "2.0"),
        ["1.5-1.6B"] = Large(layers: 20, sampleSize: 32, qkNorm: true),
        ["1.5-4.8B"] = Large(layers: 60, sampleSize: 32, qkNorm: true),
        ["Sprint-0.6B"] = Small(layers: 28, sampleSize: 32, qkNorm: true, guidance: true),
        ["Sprint-1.6B"] = Large(layers: 20, sampleSize: 32, qkNorm: true, guidance: true),
    };

    private static string Small(int layers, int sampleSize, bool qkNorm = false, bool guidance = false) =>
        Sana(heads: 36, crossHeads: 16, crossDim: 72, width: 1152, layers, sampleSize, "null", qkNorm, guidance);

    private static string Large(int layers, int sampleSize, string interpolationScale = "null", bool qkNorm = false, bool guidance = false) =>
        Sana(heads: 70, crossHeads: 20, crossDim: 112, width: 2240, layers, sampleSize, interpolationScale, qkNorm, guidance);

    private static string Sana(int heads, int crossHeads, int crossDim, int width, int layers, int sampleSize, string interpolationScale, bool qkNorm, bool guidance) => $$"""
        {
          "_class_name": "SanaTransformer2DModel", "attention_bias": false, "attention_head_dim": 32, "caption_channels": 2304, "cross_attention_dim": {{width}},
          "cross_attention_head_dim": {{crossDim}}, "dropout": 0.0, "guidance_embeds": {{(guidance ? "true" : "false")}}, "guidance_embeds_scale": 0.1, "in_channels": 32,
          "interpolation_scale": {{interpolationScale}}, "mlp_ratio": 2.5, "norm_elementwise_affine": false, "norm_eps": 1e-06, "num_attention_heads": {{heads}},
          "num_cross_attention_heads": {{crossHeads}}, "num_layers": {{layers}}, "out_channels": 32, "patch_size": 1,
          "qk_norm": {{(qkNorm ? "\"rms_norm_across_heads\"" : "null")}}, "sample_size": {{sampleSize}}, "timestep_scale": 1.0
        }
        """;
}
