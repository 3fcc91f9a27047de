using System.Text.Json.Nodes;
using Sana.GraphBuilder;
using Sana.GraphBuilder.Configs;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Configs;

/// <summary>
/// Each field of the reference's config classes is read, refused by its name when it asks for something that is not built here, or known to change nothing.
/// </summary>
public sealed class UnknownFieldsTests : IDisposable
{
    // What old versions of transformers wrote into every config, and what new ones write.
    private const string Everywhere = """
        "_name_or_path":"x","architectures":null,"add_cross_attention":false,"bad_words_ids":null,"bos_token_id":0,"chunk_size_feed_forward":0,
        "cross_attention_hidden_size":null,
        "decoder_start_token_id":null,"diversity_penalty":0.0,"do_sample":false,"early_stopping":false,"encoder_no_repeat_ngram_size":0,
        "exponential_decay_length_penalty":null,
        "finetuning_task":null,"forced_bos_token_id":null,"forced_eos_token_id":null,"id2label":{"0":"LABEL_0","1":"LABEL_1"},"initializer_factor":1.0,
        "initializer_range":0.02,
        "is_decoder":false,"is_encoder_decoder":false,"label2id":{"LABEL_0":0,"LABEL_1":1},"length_penalty":1.0,"max_length":20,"min_length":0,
        "no_repeat_ngram_size":0,
        "num_beam_groups":1,"num_beams":1,"num_return_sequences":1,"output_attentions":false,"output_hidden_states":false,"output_scores":false,
        "pad_token_id":1,"prefix":null,
        "problem_type":null,"pruned_heads":{},"remove_invalid_values":false,"repetition_penalty":1.0,"return_dict":true,"return_dict_in_generate":false,
        "sep_token_id":null,
        "suppress_tokens":null,"begin_suppress_tokens":null,"task_specific_params":{"text-generation":{"do_sample":true,"max_length":50}},
        "temperature":1.0,"tf_legacy_loss":false,
        "tie_encoder_decoder":false,"tokenizer_class":null,"top_k":50,"top_p":1.0,"torch_dtype":"float16","dtype":"float16","torchscript":false,
        "transformers_version":"4.24.0",
        "typical_p":1.0,"use_bfloat16":false,"use_cache":true,"_attn_implementation_autoset":true
        """;

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Public_configs_with_all_that_writers_leave_in_them_are_read()
    {
        var gemma = Gemma2Config.Load(With(PublicConfigs.Gemma2, "", Everywhere, """
            "hidden_act":"gelu_pytorch_tanh","cache_implementation":"hybrid","attention_dropout":0.0,"sliding_window_size":4096,"eos_token_id":[1,107],
            "tie_word_embeddings":true,
            "use_bidirectional_attention":null,"unsloth_fixed":true,"rope_scaling":null
            """));
        Assert.Equal(2_304, gemma.HiddenSize);

        Assert.Equal(0.41407, AutoencoderDCConfig.Load(With(PublicConfigs.AutoencoderDC, "", """
            "_diffusers_version":"0.36.0","_name_or_path":"x","encoder_out_shortcut":true,"decoder_in_shortcut":true,"decoder_conv_act_fn":"relu"
            """)).ScalingFactor);

        var clip = With(PublicConfigs.ClipVitL14, "",
            "\"logit_scale_init_value\":2.6592,\"initializer_factor\":1.0,\"torch_dtype\":\"float32\",\"transformers_version\":null");
        clip = With(File.ReadAllText(clip), "text_config", Everywhere,
            "\"model_type\":\"clip_text_model\",\"projection_dim\":768,\"dropout\":0.0,\"attention_dropout\":0.0");
        clip = With(File.ReadAllText(clip), "vision_config", Everywhere,
            "\"model_type\":\"clip_vision_model\",\"projection_dim\":768,\"dropout\":0.0,\"attention_dropout\":0.0");
        Assert.Equal((768, 1_024), (ClipConfig.Load(clip).Text.HiddenSize, ClipConfig.Load(clip).Vision.HiddenSize));

        var captioner = With(PublicConfigs.VitGpt2, "encoder", Everywhere, """
            "attention_probs_dropout_prob":0.0,"hidden_dropout_prob":0.0,"encoder_stride":16,"pooler_output_size":768,"pooler_act":"tanh"
            """);
        captioner = With(File.ReadAllText(captioner), "decoder", Everywhere.Replace("\"add_cross_attention\":false,", "", StringComparison.Ordinal), """
            "attn_pdrop":0.1,"embd_pdrop":0.1,"resid_pdrop":0.1,"summary_activation":null,"summary_first_dropout":0.1,"summary_proj_to_labels":true,
            "summary_type":"cls_index",
            "summary_use_proj":true,"reorder_and_upcast_attn":true
            """);
        File.WriteAllText(_folder.File("generation_config.json"), """
            {"_from_model_config":true,"bos_token_id":50256,"decoder_start_token_id":50256,"eos_token_id":50256,"pad_token_id":50256,"max_length":16,
            "num_beams":1,"transformers_version":"4.35.0"}
            """);
        Assert.Equal(15, VisionEncoderDecoderConfig.Load(captioner, _folder.File("generation_config.json")).Generation.MaxTokens);

        // The published files were converted from another layout, whose fields and whose defaults of generation are still in them.
        var florence = With(PublicConfigs.Florence2Base, "vision_config", Everywhere, """
            "dim_embed":[128,256,512,1024],"enable_checkpoint":false,"visual_temporal_embedding":{"type":"COSINE","max_temporal_embeddings":100},
            "image_pos_embed":{"type":"learned_abs_2d","max_pos_embeddings":50},"max_pos_embeddings":50,"image_feature_source":["spatial_avg_pool","temporal_avg_pool"]
            """);
        florence = With(File.ReadAllText(florence), "text_config", Everywhere, """
            "add_bias_logits":false,"add_final_layer_norm":false,"classif_dropout":0.1,"normalize_before":false,"normalize_embedding":true,"num_hidden_layers":6,
            "extra_pos_embeddings":2,"static_position_embeddings":false,"num_beams":3,"no_repeat_ngram_size":3,"early_stopping":true,"forced_bos_token_id":0,"eos_token_id":2
            """);
        File.WriteAllText(_folder.File("generation_config.json"), """
            {"_from_model_config":true,"bos_token_id":0,"decoder_start_token_id":2,"eos_token_id":2,"forced_eos_token_id":2,"num_beams":3,"pad_token_id":1,
            "no_repeat_ngram_size":3,"early_stopping":true,"transformers_version":"4.56.0"}
            """);
        var generation = Florence2Config.Load(florence, _folder.File("generation_config.json"), "Florence-2-base").Generation;
        Assert.Equal((1_024, 3, 3, "true", 0, 2), (generation.MaxTokens, generation.NumBeams, generation.NoRepeatNgramSize, generation.EarlyStopping, generation.ForcedBosTokenId, generation.ForcedEosTokenId));
    }

    [Theory]
    [InlineData("gemma", "", "use_new_norm", "true")]
    [InlineData("gemma", "", "quantization_config", "{\"bits\":4}")]
    [InlineData("gemma", "", "pruned_heads", "{\"1\":[0]}")]
    [InlineData("gemma", "", "sliding_window_pattern", "6")]
    [InlineData("gemma", "", "rope_local_base_freq", "10000.0")]
    [InlineData("gemma", "", "rope_parameters", "{\"rope_type\":\"default\",\"factor\":8.0}")]
    [InlineData("gemma", "", "rope_parameters", "{\"full_attention\":{\"attention_factor\":2.0},\"sliding_attention\":{}}")]
    [InlineData("vae", "", "shift_factor", "0.1")]
    [InlineData("vae", "", "latents_mean", "[0.5]")]
    [InlineData("vae", "", "encoder_act_fns", "\"relu\"")]
    [InlineData("clip", "", "use_new_norm", "true")]
    [InlineData("clip", "text_config", "use_attention_mask", "true")]
    [InlineData("clip", "text_config", "model_type", "\"siglip_text_model\"")]
    [InlineData("clip", "vision_config", "model_type", "\"siglip_vision_model\"")]
    [InlineData("clip", "vision_config", "vision_use_head", "true")]
    [InlineData("captioner", "", "tie_encoder_decoder", "true")]
    [InlineData("captioner", "", "num_beams", "9")]
    [InlineData("captioner", "", "num_beam_groups", "2")]
    [InlineData("captioner", "", "no_repeat_ngram_size", "65")]
    [InlineData("captioner", "encoder", "use_mask_token", "true")]
    [InlineData("captioner", "encoder", "is_a_new_kind", "\"yes\"")]
    [InlineData("captioner", "decoder", "scale_attn_weights", "false")]
    [InlineData("captioner", "decoder", "bad_words_ids", "[[7]]")]
    [InlineData("captioner", "decoder", "do_sample", "true")]
    [InlineData("captioner", "decoder", "hidden_size", "512")]
    [InlineData("generation", "", "num_beams", "0")]
    [InlineData("generation", "", "early_stopping", "\"sometimes\"")]
    [InlineData("generation", "", "length_penalty", "11")]
    [InlineData("generation", "", "do_sample", "true")]
    [InlineData("generation", "", "repetition_penalty", "1.2")]
    [InlineData("generation", "", "min_length", "5")]
    [InlineData("generation", "", "suppress_tokens", "[1]")]
    [InlineData("generation", "", "forced_bos_token_id", "50257")]
    [InlineData("generation", "", "forced_eos_token_id", "[1, 2]")]
    [InlineData("generation", "", "sequence_bias", "{\"a\":1}")]
    [InlineData("clip image", "", "do_pad", "true")]
    [InlineData("clip image", "size", "longest_edge", "448")]
    [InlineData("captioner image", "", "do_center_crop", "true")]
    [InlineData("captioner image", "size", "shortest_edge", "224")]
    [InlineData("florence", "", "quantization_config", "{\"bits\":4}")]
    [InlineData("florence", "", "num_beams", "9")]
    [InlineData("florence", "vision_config", "in_channels", "4")]
    [InlineData("florence", "vision_config", "model_type", "\"swin\"")]
    [InlineData("florence", "vision_config", "window_size", "0")]
    [InlineData("florence", "vision_config", "window_size", "[12, 12]")]
    [InlineData("florence", "vision_config", "num_groups", "[4, 8, 16, 31]")]
    [InlineData("florence", "vision_config", "num_heads", "[4, 8, 16]")]
    [InlineData("florence", "vision_config", "patch_prenorm", "[0, 1, 1, 1]")]
    [InlineData("florence", "vision_config", "projection_dim", "1024")]
    [InlineData("florence", "vision_config", "layer_scale", "0.1")]
    [InlineData("florence", "text_config", "model_type", "\"mbart\"")]
    [InlineData("florence", "text_config", "scale_embedding", "true")]
    [InlineData("florence", "text_config", "tie_word_embeddings", "false")]
    [InlineData("florence", "text_config", "add_final_layer_norm", "true")]
    [InlineData("florence", "text_config", "decoder_attention_heads", "7")]
    [InlineData("florence", "text_config", "do_sample", "true")]
    [InlineData("florence", "text_config", "static_position_embeddings", "true")]
    public void A_field_that_is_not_built_here_is_refused_by_its_name(string kind, string section, string field, string value)
    {
        var message = Assert.Throws<CheckpointException>(() => Load(kind, section, $"\"{field}\":{value}")).Message;

        Assert.Contains(field, message, StringComparison.Ordinal);
        Assert.DoesNotContain("  ", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Of_clip_s_sections_that_are_there_twice_the_one_that_ends_in_dict_counts_as_a_whole()
    {
        var config = ClipConfig.Load(With("{}", "", """
            "text_config":{"hidden_size":64,"hidden_act":"gelu"},"text_config_dict":{"hidden_size":128},"vision_config":{"hidden_act":"gelu"},
            "vision_config_dict":null
            """));

        Assert.Equal((128, "quick_gelu", "gelu"), (config.Text.HiddenSize, config.Text.HiddenAct, config.Vision.HiddenAct));
    }

    private void Load(string kind, string section, string field)
    {
        const string clipImage = """{"size":{"shortest_edge":224},"crop_size":224}""";
        const string captionerImage = """{"size":{"height":224,"width":224}}""";
        switch (kind)
        {
            case "gemma":
                Gemma2Config.Load(With(PublicConfigs.Gemma2, section, field));
                break;
            case "vae":
                AutoencoderDCConfig.Load(With(PublicConfigs.AutoencoderDC, section, field));
                break;
            case "clip":
                ClipConfig.Load(With(PublicConfigs.ClipVitL14, section, field));
                break;
            case "captioner":
                VisionEncoderDecoderConfig.Load(With(PublicConfigs.VitGpt2, section, field), _folder.File("none.json"));
                break;
            case "florence":
                Florence2Config.Load(With(PublicConfigs.Florence2Base, section, field), _folder.File("none.json"), "Florence-2-base");
                break;
            case "generation":
                File.WriteAllText(_folder.File("generation_config.json"), "{" + field + "}");
                VisionEncoderDecoderConfig.Load(With(PublicConfigs.VitGpt2, "", "\"bos_token_id\":50256"), _folder.File("generation_config.json"));
                break;
            case "clip image":
                ClipImageConfig.Load(With(clipImage, section, field), 224);
                break;
            default:
                VitImageConfig.Load(With(captionerImage, section, field), 224);
                break;
        }
    }

    // A config with more fields, or with others, in a section of it.
    private string With(string config, string section, params string[] fields)
    {
        var json = JsonNode.Parse(config)!;
        var target = section.Length == 0 ? json.AsObject() : json[section]!.AsObject();
        foreach (var (key, value) in fields.SelectMany(more => JsonNode.Parse("{" + more + "}")!.AsObject()))
            target[key] = value?.DeepClone();
        var file = _folder.File("config.json");
        File.WriteAllText(file, json.ToJsonString());
        return file;
    }
}
