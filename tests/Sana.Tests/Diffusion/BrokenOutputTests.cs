using Sana.GraphBuilder;
using Sana.GraphBuilder.Onnx;
using Sana.Inference;
using Sana.Inference.Diffusion;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Diffusion;

/// <summary>What becomes of images that are none: once more in float32, then an end with a reason. The checkpoints are copies with a few weights spoilt.</summary>
public sealed class BrokenOutputTests : IDisposable
{
    private const string TransformerWeights = "transformer/diffusion_pytorch_model.safetensors";
    private const string AutoencoderWeights = "vae/diffusion_pytorch_model.safetensors";
    private static readonly GenerateOptions _small = new() { Width = 64, Height = 64, Steps = 2, UseResolutionBinning = false };

    // float16 in place of bfloat16, for which the processor has no kernels.
    private static BuildOptions Half { get; } = new() { Precision = GraphPrecision.Mixed, Half = Arithmetic.Float16 };

    private readonly BuiltCheckpoint _checkpoint = BuiltCheckpoint.Copy(BuiltCheckpoint.Plain);

    public void Dispose() => _checkpoint.Dispose();

    [Fact]
    public void Half_precision_that_overflows_is_done_again_in_float32()
    {
        // The norm that follows takes the factor out again; half precision has no such numbers.
        _checkpoint.Change(TransformerWeights, "caption_projection.linear_2.weight", weight => weight * 1e7f);
        _checkpoint.Build(Half);

        var (half, wide) = (Generate(Precision.Mixed), Generate(Precision.Float32));

        Assert.Null(half.Failure);
        Assert.Equal(["retried_fp32"], half.Flags);
        Assert.Empty(wide.Flags);
        // The transformer is that of float32; the text was encoded in half precision.
        Assert.All(wide.Image!.Pixels.Zip(half.Image!.Pixels), pixel => Assert.InRange(Math.Abs(pixel.First - pixel.Second), 0, 8));
    }

    [Fact]
    public void Half_precision_that_holds_is_kept()
    {
        _checkpoint.Build(Half);

        var image = Generate(Precision.Mixed);

        Assert.Null(image.Failure);
        Assert.Empty(image.Flags);
    }

    [Theory]
    [InlineData(Precision.Float32, new string[0])]
    [InlineData(Precision.Mixed, new[] { "retried_fp32" })]
    public void Latents_that_are_no_numbers_in_float32_end_the_image(Precision precision, string[] flags)
    {
        _checkpoint.Change(TransformerWeights, "proj_out.bias", _ => float.NaN);
        _checkpoint.Build(Half);

        var image = Generate(precision);

        Assert.Equal("nan", image.Failure);
        Assert.Equal(flags, image.Flags);
        Assert.Null(image.Image);
    }

    [Theory]
    [InlineData(float.NaN, "nan")]
    [InlineData(float.PositiveInfinity, "nan")]
    [InlineData(0.25f, "flat")]
    [InlineData(-1f, "black")]
    public void A_decoder_of_one_colour_ends_the_image_with_its_reason(float colour, string reason)
    {
        _checkpoint.Change(AutoencoderWeights, "decoder.conv_out.weight", _ => 0);
        _checkpoint.Change(AutoencoderWeights, "decoder.conv_out.bias", _ => colour);
        _checkpoint.Build();

        var image = Generate(Precision.Float32);

        Assert.Equal(reason, image.Failure);
        Assert.Null(image.Image);
    }

    [Fact]
    public void The_processor_has_no_bfloat16()
    {
        _checkpoint.Build(new BuildOptions { Precision = GraphPrecision.Mixed });

        var refusal = Assert.Throws<InferenceException>(() => SanaPipeline.Load(_checkpoint.Folder, new PipelineOptions { Precision = Precision.Mixed }));

        Assert.Contains("use float32 or w8a8", refusal.Message, StringComparison.Ordinal);
    }

    private GeneratedImage Generate(Precision precision)
    {
        using var pipeline = SanaPipeline.Load(_checkpoint.Folder, new PipelineOptions { Precision = precision, AllowsHalfOnProcessor = true, Threads = 1 });
        return pipeline.Generate([new ImageRequest("a red house", Seed: 1)], _small)[0];
    }
}
