using System.Globalization;
using System.Text;
using Sana.GraphBuilder.Configs;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Checkpoint;

/// <summary>The published models at full size: every name and shape approved, and as many parameters as their authors count.</summary>
public sealed class PublicShapesTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>The 2K and 4K models have the tensors of the 1.6B model: their positions are computed, not stored.</summary>
    [Theory]
    [InlineData("0.6B", "0.6B", 591_747_872)]
    [InlineData("1.6B", "1.6B", 1_604_462_752)]
    [InlineData("1.6B-2K", "1.6B", 1_604_462_752)]
    [InlineData("1.6B-4K", "1.6B", 1_604_462_752)]
    [InlineData("1.5-1.6B", "1.5-1.6B", 1_604_641_952)]
    [InlineData("1.5-4.8B", "1.5-4.8B", 4_721_825_952)]
    [InlineData("Sprint-0.6B", "Sprint-0.6B", 593_501_216)]
    [InlineData("Sprint-1.6B", "Sprint-1.6B", 1_610_237_472)]
    public void Sana_transformer(string model, string approved, long parameters) =>
        Holds($"SanaTransformer-{approved}", SanaTransformerTensors.All(SanaTransformerConfig.Load(Write(PublicConfigs.SanaTransformers[model]))), parameters);

    /// <summary>A control network of the default seven blocks: as many parameters as the blocks and embeddings of the transformer and a square layer for each come to.</summary>
    [Fact]
    public void Sana_control_network() => Holds(
        "SanaControlNet-1.6B", SanaTransformerTensors.Control(SanaTransformerConfig.Load(Write(PublicConfigs.SanaTransformers["1.6B"])) with { NumLayers = 7 }), 631_576_960);

    [Fact]
    public void Gemma2() =>
        Holds("Gemma2-2B", Gemma2Tensors.All(Gemma2Config.Load(Write(PublicConfigs.Gemma2))), 2_614_341_888);

    [Fact]
    public void Autoencoder_encoder() =>
        Holds("AutoencoderDC-encoder", AutoencoderDCTensors.Encoder(AutoencoderDCConfig.Load(Write(PublicConfigs.AutoencoderDC))), 153_027_104);

    [Fact]
    public void Autoencoder_decoder() =>
        Holds("AutoencoderDC-decoder", AutoencoderDCTensors.Decoder(AutoencoderDCConfig.Load(Write(PublicConfigs.AutoencoderDC))), 159_223_171);

    [Fact]
    public void Clip_vit_base_patch32() =>
        Holds("Clip-ViT-B-32", ClipTensors.All(ClipConfig.Load(Write(PublicConfigs.ClipVitB32))), 151_277_313);

    [Fact]
    public void Clip_vit_large_patch14() =>
        Holds("Clip-ViT-L-14", ClipTensors.All(ClipConfig.Load(Write(PublicConfigs.ClipVitL14))), 427_616_513);

    [Fact]
    public void Siglip2_base_patch16_224() =>
        Holds("Siglip2-base-patch16-224", SiglipTensors.All(SiglipConfig.Load(Write(PublicConfigs.Siglip2Base))), 375_187_970);

    /// <summary>nlpconnect/vit-gpt2-image-captioning has 239,195,904 with the pooler, which no caption needs.</summary>
    [Fact]
    public void Vit_gpt2() => Holds(
        "VitGpt2",
        CaptionerTensors.All(VisionEncoderDecoderConfig.Load(Write(PublicConfigs.VitGpt2), _folder.File("generation_config.json")), new TokenTables("decoder.transformer.wte", "decoder.transformer.wte")),
        239_195_904 - ((768 * 768) + 768));

    /// <summary>The published size of a ViT-B/16 with two labels.</summary>
    [Fact]
    public void Nsfw_classifier() => Holds("Nsfw-classifier", VitClassifierConfig.Load(Write(PublicConfigs.NsfwClassifier)).Tensors(), 85_800_194);

    /// <summary>The image tower of ViT-L/14 (303,179,776), its projection, 17 concepts and 3 special ones with their thresholds.</summary>
    [Fact]
    public void Safety_checker() => Holds(
        "Safety-checker", SafetyCheckerTensors.All(ClipConfig.Load(Write(PublicConfigs.SafetyChecker)), 17, 3), 303_179_776 + (1024 * 768) + (20 * 769));

    /// <summary>Their authors say 0.23 B and 0.77 B.</summary>
    [Theory]
    [InlineData("base", 231_546_368)]
    [InlineData("large", 770_418_688)]
    public void Florence2(string model, long parameters)
    {
        var config = Florence2Config.Load(Write(model == "base" ? PublicConfigs.Florence2Base : PublicConfigs.Florence2Large), _folder.File("generation_config.json"), model);

        Holds($"Florence-2-{model}", Florence2Tensors.All(config, new TokenTables("model.language_model.shared", "model.language_model.shared")), parameters);
    }

    private static void Holds(string name, IEnumerable<ExpectedTensor> tensors, long parameters)
    {
        var list = tensors.ToArray();

        Assert.Equal(parameters, list.Sum(tensor => tensor.Elements));
        var text = new StringBuilder();
        foreach (var tensor in list)
            text.Append(CultureInfo.InvariantCulture, $"{tensor.Name} [{string.Join(", ", tensor.Shape)}]\n");
        Approve.Text(name, text.ToString());
    }

    private string Write(string config)
    {
        var file = _folder.File("config.json");
        File.WriteAllText(file, config);
        return file;
    }
}
