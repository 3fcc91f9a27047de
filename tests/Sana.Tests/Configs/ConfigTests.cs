using System.Text;
using System.Text.Json.Nodes;
using CsCheck;
using Sana.GraphBuilder;
using Sana.GraphBuilder.Configs;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Configs;

public sealed class ConfigTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Keys_that_older_transformer_configs_lack_have_the_defaults_of_the_large_model()
    {
        var config = SanaTransformerConfig.Load(Write("{}"));

        Assert.Equal((2240, 2240, 5600), (config.Width, config.CrossWidth, config.FeedForwardWidth));
        Assert.Equal((20, 32, 2304), (config.NumLayers, config.InChannels, config.CaptionChannels));
        Assert.Equal((false, false, null), (config.QkNorm, config.GuidanceEmbeds, config.InterpolationScale));
        Assert.Equal((1e-6, 0.1, 1.0), (config.NormEps, config.GuidanceEmbedsScale, config.TimestepScale));
    }

    [Theory]
    [InlineData("""{"rope_theta":5000}""", 5000)]
    [InlineData("""{"rope_parameters":{"rope_theta":7000.0,"rope_type":"default"}}""", 7000)]
    [InlineData("{}", 10_000)]
    [InlineData("""{"rope_scaling":{"rope_type":"default","rope_theta":6000}}""", 6000)]
    [InlineData("""{"rope_theta":1,"rope_parameters":{"full_attention":{"rope_theta":9000},"sliding_attention":{"rope_theta":9000,"rope_type":"default"}}}""", 9000)]
    public void Rope_theta_stands_alone_or_nested(string json, double theta) => Assert.Equal(theta, Gemma2Config.Load(Write(json)).RopeTheta);

    [Fact]
    public void Sliding_layers_are_the_even_ones_unless_the_file_says_otherwise()
    {
        Assert.Equal([true, false, true], Gemma2Config.Load(Write("""{"num_hidden_layers":3}""")).SlidingLayers);
        Assert.Equal([false, true], Gemma2Config.Load(Write("""{"num_hidden_layers":2,"layer_types":["full_attention","sliding_attention"]}""")).SlidingLayers);
    }

    [Fact]
    public void Softcapping_is_off_when_null_and_fifty_when_missing()
    {
        Assert.Null(Gemma2Config.Load(Write("""{"attn_logit_softcapping":null}""")).AttnLogitSoftcapping);
        Assert.Equal(50, Gemma2Config.Load(Write("{}")).AttnLogitSoftcapping);
    }

    [Fact]
    public void One_word_stands_for_all_stages_of_the_autoencoder()
    {
        var listed = JsonNode.Parse(PublicConfigs.AutoencoderDC)!;
        listed["decoder_act_fns"] = new JsonArray("silu", "silu", "silu", "silu", "relu", "relu");
        listed["encoder_block_types"] = "ResBlock";

        var config = AutoencoderDCConfig.Load(Write(listed.ToJsonString()));

        Assert.Equal(["silu", "silu", "silu", "silu", "relu", "relu"], config.Decoder.Select(stage => stage.ActFn));
        Assert.All(config.Encoder, stage => Assert.False(stage.IsEfficientViT));
        Assert.Equal(32, config.SpatialCompression);
        Assert.True(config is { EncoderOutShortcut: true, DecoderInShortcut: true, DecoderConvActFn: "relu" });
    }

    [Fact]
    public void Clip_s_defaults_are_those_of_base_patch32()
    {
        var config = ClipConfig.Load(Write("{}"));

        Assert.Equal((512, 768, 512), (config.Text.HiddenSize, config.Vision.HiddenSize, config.ProjectionDim));
        Assert.Equal((49_407, 49, 77), (config.EosTokenId, config.Patches, config.MaxPositionEmbeddings));
        Assert.Equal("gelu", ClipConfig.Load(Write("""{"vision_config":{"hidden_act":"gelu"}}""")).Vision.HiddenAct);
    }

    [Theory]
    [InlineData("""{"num_layers":1000000000}""", "num_layers", "from 1 to 512")]
    [InlineData("""{"num_layers":0}""", "num_layers", "from 1 to 512")]
    [InlineData("""{"num_layers":2.5}""", "num_layers", "whole number")]
    [InlineData("""{"num_layers":"20"}""", "num_layers", "whole number")]
    [InlineData("""{"num_layers":1e400}""", "num_layers", "whole number")]
    [InlineData("""{"num_layers":NaN}""", "num_layers", "NaN")]
    [InlineData("""{"mlp_ratio":-Infinity}""", "mlp_ratio", "-Infinity")]
    [InlineData("""{"num_attention_heads":1024,"attention_head_dim":1024}""", "num_attention_heads", "at most 64")]
    [InlineData("""{"cross_attention_dim":512}""", "cross_attention_dim", "2240")]
    [InlineData("""{"out_channels":64}""", "out_channels", "32")]
    [InlineData("""{"patch_size":2}""", "patch_size", "1")]
    [InlineData("""{"attention_bias":true}""", "attention_bias", "false")]
    [InlineData("""{"norm_elementwise_affine":true}""", "norm_elementwise_affine", "false")]
    [InlineData("""{"guidance_embeds":"no"}""", "guidance_embeds", "true or false")]
    [InlineData("""{"qk_norm":"layer_norm"}""", "qk_norm", "rms_norm_across_heads")]
    [InlineData("""{"_class_name":"SanaControlNetModel"}""", "_class_name", "SanaTransformer2DModel")]
    [InlineData("""{"use_new_attention":true}""", "use_new_attention", "not known")]
    [InlineData("""{"interpolation_scale":0}""", "interpolation_scale", "0.001")]
    [InlineData("""{"interpolation_scale":1,"num_attention_heads":3,"attention_head_dim":2,"cross_attention_dim":6}""", "interpolation_scale", "divisible by 4")]
    public void A_transformer_that_cannot_be_built_is_refused_by_key(string json, string key, string expected) =>
        Refused(() => SanaTransformerConfig.Load(Write(json)), key, expected);

    [Theory]
    [InlineData("""{"num_key_value_heads":3}""", "num_key_value_heads", "divisor of num_attention_heads 8")]
    [InlineData("""{"head_dim":15}""", "head_dim", "even")]
    [InlineData("""{"hidden_activation":"silu"}""", "hidden_activation", "gelu_pytorch_tanh")]
    [InlineData("""{"rope_parameters":{"rope_type":"yarn"}}""", "rope_parameters.rope_type", "default")]
    [InlineData("""{"rope_parameters":{"full_attention":{"rope_theta":9000},"sliding_attention":{"rope_theta":8000}}}""", "rope_parameters", "the same")]
    [InlineData("""{"rope_parameters":{"partial_rotary_factor":0.5}}""", "partial_rotary_factor", "1")]
    [InlineData("""{"rope_parameters":[]}""", "rope_parameters", "an object")]
    [InlineData("""{"rope_scaling":{"factor":2}}""", "rope_scaling", "null")]
    [InlineData("""{"layer_types":["full_attention"]}""", "layer_types", "list of 26")]
    [InlineData("""{"layer_types":[7]}""", "layer_types", "sliding_attention")]
    [InlineData("""{"use_bidirectional_attention":true}""", "use_bidirectional_attention", "false")]
    [InlineData("""{"model_type":"gemma3"}""", "model_type", "gemma2")]
    [InlineData("""{"vocab_size":-1}""", "vocab_size", "from 1 to 2000000")]
    public void A_text_encoder_that_cannot_be_built_is_refused_by_key(string json, string key, string expected) =>
        Refused(() => Gemma2Config.Load(Write(json)), key, expected);

    [Theory]
    [InlineData("upsample_block_type", "\"bilinear\"", "interpolate")]
    [InlineData("downsample_block_type", "\"pixel_unshuffle\"", "conv")]
    [InlineData("decoder_norm_types", "\"batch_norm\"", "rms_norm")]
    [InlineData("decoder_act_fns", "[\"silu\"]", "list of 6")]
    [InlineData("encoder_block_types", "\"Unknown\"", "EfficientViTBlock")]
    [InlineData("encoder_block_out_channels", "[128,256,512,512,1024,1000000000]", "whole numbers from 1 to 65536")]
    [InlineData("encoder_block_out_channels", "[128,256,512,512,1024,1023]", "does not divide")]
    [InlineData("decoder_block_out_channels", "[128,256,512,512,1024]", "list of 5")]
    [InlineData("decoder_layers_per_block", "[3,3,3,3,3,0]", "at least 1 for all stages but the first")]
    [InlineData("decoder_qkv_multiscales", "[[],[],[],[5],[5],[4]]", "odd")]
    [InlineData("decoder_qkv_multiscales", "[[],[],[],5,[5],[5]]", "list")]
    [InlineData("attention_head_dim", "48", "divisible by attention_head_dim")]
    [InlineData("latent_channels", "48", "divisor")]
    [InlineData("in_channels", "4", "3")]
    [InlineData("scaling_factor", "0", "1E-06")]
    [InlineData("scaling_factor", "null", "no scaling_factor")]
    public void An_autoencoder_that_cannot_be_built_is_refused_by_key(string key, string value, string expected)
    {
        var json = JsonNode.Parse(PublicConfigs.AutoencoderDC)!;
        json[key] = JsonNode.Parse(value);

        Refused(() => AutoencoderDCConfig.Load(Write(json.ToJsonString())), "", expected);
    }

    [Theory]
    [InlineData("""{"text_config":{"num_attention_heads":7}}""", "text_config.num_attention_heads", "divisor of hidden_size 512")]
    [InlineData("""{"vision_config":{"hidden_act":"relu"}}""", "vision_config.hidden_act", "quick_gelu")]
    [InlineData("""{"vision_config":{"patch_size":225}}""", "vision_config.patch_size", "at most image_size 224")]
    [InlineData("""{"text_config":"x"}""", "text_config", "an object")]
    [InlineData("""{"model_type":"siglip"}""", "model_type", "clip")]
    public void A_clip_that_cannot_be_built_is_refused_by_key(string json, string key, string expected) =>
        Refused(() => ClipConfig.Load(Write(json)), key, expected);

    [Fact]
    public void Siglip_s_defaults_are_those_of_transformers()
    {
        var config = SiglipConfig.Load(Write("""{"model_type":"siglip"}"""));

        Assert.Equal((768, 768, 768, 32_000), (config.Text.HiddenSize, config.Vision.HiddenSize, config.ProjectionSize, config.VocabSize));
        Assert.Equal((196, 64, "gelu_pytorch_tanh", 1e-6), (config.Patches, config.MaxPositionEmbeddings, config.Vision.HiddenAct, config.Text.LayerNormEps));
    }

    /// <summary>google/siglip2-giant-opt-patch16-384: the towers differ in width, and the text tower's head has that of the images.</summary>
    [Fact]
    public void Siglip_s_towers_may_differ_in_width()
    {
        var config = SiglipConfig.Load(Write("""
            {"model_type":"siglip","text_config":{"hidden_size":1152,"intermediate_size":4304,"num_attention_heads":16,"projection_size":1536},
             "vision_config":{"hidden_size":1536,"num_attention_heads":16}}
            """));

        Assert.Equal([1536, 1152], SiglipTensors.Text(config).Single(tensor => tensor.Name == "text_model.head.weight").Shape);
    }

    [Theory]
    [InlineData("""{"_lambda": -Infinity, "_a": [NaN, Infinity], "_note": "NaN \" -Infinity \\"}""")]
    [InlineData("""{ "num_layers" : 20.0 }""")]
    public void Python_s_dialect_is_read(string json) => Assert.Equal(20, SanaTransformerConfig.Load(Write(json)).NumLayers);

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("7")]
    [InlineData("{")]
    [InlineData("{} // comment")]
    [InlineData("""{"num_layers":1,}""")]
    [InlineData("""{"num_layers":1,"num_layers":2}""")]
    [InlineData("""{"a":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}""")]
    [InlineData("""{"a":Nan}""")]
    [InlineData("""{"_class_name":"\ud800"}""")]
    public void What_is_not_a_json_object_is_refused(string json) => Refused(() => SanaTransformerConfig.Load(Write(json)), "config.json", "");

    [Fact]
    public void A_config_of_more_than_a_megabyte_is_refused() =>
        Refused(() => SanaTransformerConfig.Load(Write("{" + new string(' ', 1_000_000) + "}")), "1000002", "limit");

    [Fact]
    public void A_missing_config_is_refused() => Refused(() => ClipConfig.Load(_folder.File("nothing.json")), "nothing.json", "does not exist");

    [Fact]
    public void Damaged_configs_give_a_config_or_a_checkpoint_exception()
    {
        var whole = Encoding.UTF8.GetBytes(PublicConfigs.AutoencoderDC);

        Gen.Select(Gen.Int[0, whole.Length - 1], Gen.Byte).Array[0, 4].Sample(changes =>
        {
            var bytes = whole.ToArray();
            foreach (var (place, value) in changes)
                bytes[place] = value;
            File.WriteAllBytes(_folder.File("config.json"), bytes);

            try
            {
                AutoencoderDCConfig.Load(_folder.File("config.json"));
            }
            catch (CheckpointException)
            {
                // The one answer to damage.
            }
        }, iter: 2_000, threads: 1);
    }

    private static void Refused(Action load, string key, string expected)
    {
        var error = Assert.Throws<CheckpointException>(load);

        Assert.Contains(key, error.Message, StringComparison.Ordinal);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    private string Write(string json)
    {
        var file = _folder.File("config.json");
        File.WriteAllText(file, json);
        return file;
    }
}
