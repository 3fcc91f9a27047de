using Sana.Inference;
using Sana.Inference.Captioning;
using Sana.Inference.Imaging;
using Sana.Tests.Models;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Captioning;

/// <summary>The graphs against the network written out in doubles, and the loop around them.</summary>
public sealed class CaptionNetworkTests
{
    private const double Tolerance = 2e-5; // float32 differs from double by about 1e-6 of the largest value
    private static readonly GenerationOptions _drawn = new() { Temperature = 1.5, TopP = 0.95, RepetitionPenalty = 1.2, Seed = 7 };

    public static TheoryData<int, bool, bool, string> Forms => new()
    {
        { 12, true, true, "gelu_new" }, // projected, tied
        { 8, true, false, "gelu_new" },
        { 8, false, true, "gelu" },
        { 12, false, false, "gelu_pytorch_tanh" },
    };

    [Theory, MemberData(nameof(Forms))]
    public void Logits_are_those_of_the_network_written_out(int encoderWidth, bool tied, bool qkvBias, string activation)
    {
        using var tiny = new TinyCaptioner(encoderWidth, tied, qkvBias, activation);
        using var network = tiny.Network();
        var (image, plain) = (TinyCaptioner.Image(1), new PlainCaptioner(tiny));
        int[] ids = [5, 260, 17, 17, 3, 99, 298];

        float[] expected = [.. plain.Logits(plain.States(image), [TinyCaptioner.EndId, .. ids]).Select(value => (float)value)];

        Close.To(expected, network.LogitsAfter(image, ids).Data, Tolerance);
        Close.To(expected, network.LogitsAfter(image, ids, cached: true).Data, Tolerance);
    }

    [Theory, MemberData(nameof(Forms))]
    public void Token_by_token_the_caption_is_that_of_the_network_written_out(int encoderWidth, bool tied, bool qkvBias, string activation)
    {
        using var tiny = new TinyCaptioner(encoderWidth, tied, qkvBias, activation);
        using var network = tiny.Network();
        var image = TinyCaptioner.Image(2);

        var caption = network.Generate([image], new GenerationOptions { MaxTokens = 24 })[0];

        Assert.Equal(new PlainCaptioner(tiny).Greedy(image, 24), caption.Ids);
        Assert.True(caption.Ids.Count >= 20 && caption.Ids.Distinct().Count() > 3, $"The weights make a caption that proves little: {string.Join(' ', caption.Ids)}.");
    }

    [Fact]
    public void What_is_kept_of_former_tokens_is_what_would_be_computed_again()
    {
        using var tiny = new TinyCaptioner();
        using var network = tiny.Network();
        var image = TinyCaptioner.Image(3);

        var ids = network.Generate([image], new GenerationOptions { MaxTokens = 30 })[0].Ids;

        for (var at = 0; at < ids.Count; at++)
        {
            int[] before = [.. ids.Take(at)];
            var again = network.LogitsAfter(image, before).Data;
            Close.To(again, network.LogitsAfter(image, before, cached: true).Data, Tolerance);
            Assert.Equal(ids[at], Array.IndexOf(again, again.Max()));
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1.5)]
    public void A_batch_says_what_each_image_says_alone(double temperature)
    {
        using var tiny = new TinyCaptioner();
        using var network = tiny.Network(batchSize: 3);
        var options = _drawn with { Temperature = temperature };
        RgbImage[] images = [TinyCaptioner.Image(4), TinyCaptioner.Image(5, 40, 25), TinyCaptioner.Image(6, 9, 30), TinyCaptioner.Image(7)];

        var together = network.Generate(images, options);

        Assert.Equal(4, together.Select(caption => string.Join(' ', caption.Ids)).Distinct().Count());
        Assert.Equal(images.Select(image => network.Generate([image], options)[0].Ids), together.Select(caption => caption.Ids));
        Assert.Equal(images.Reverse().Select(image => network.Generate([image], options)[0].Text), network.Generate([.. images.Reverse()], options).Select(caption => caption.Text));
    }

    [Fact]
    public void Captions_that_end_leave_the_others_going()
    {
        using var tiny = new TinyCaptioner(tied: false);
        RgbImage[] images = [.. Enumerable.Range(10, 8).Select(seed => TinyCaptioner.Image(seed))];
        int[] alone;
        using (var network = tiny.Network())
        {
            alone = [.. network.Generate(images, _drawn with { MaxTokens = 12 })[2].Ids];
        }

        // The token that one of them says at its fifth place ends captions from now on.
        tiny.Change("generation_config.json", json => json["eos_token_id"] = alone[4]);
        using var ending = tiny.Network();
        var captions = ending.Generate(images, _drawn with { MaxTokens = 12 });

        Assert.Equal(alone.TakeWhile(id => id != alone[4]), captions[2].Ids);
        Assert.Equal(("stop", captions[2].Ids.Count + 1), (captions[2].FinishReason, captions[2].Tokens));
        Assert.Contains(captions, caption => caption is { FinishReason: "length", Tokens: 12 });
        Assert.Equal(images.Select(image => ending.Generate([image], _drawn with { MaxTokens = 12 })[0].Ids), captions.Select(caption => caption.Ids));
    }

    [Fact]
    public void The_same_seed_draws_the_same_and_another_draws_otherwise()
    {
        using var tiny = new TinyCaptioner();
        using var network = tiny.Network();
        RgbImage[] images = [TinyCaptioner.Image(8)];

        Assert.Equal(network.Generate(images, _drawn)[0].Ids, network.Generate(images, _drawn)[0].Ids);
        Assert.NotEqual(network.Generate(images, _drawn)[0].Ids, network.Generate(images, _drawn with { Seed = 8 })[0].Ids);
    }

    [Fact]
    public void An_image_of_another_size_is_resized_as_Pillow_does()
    {
        using var tiny = new TinyCaptioner();
        using var network = tiny.Network();
        var image = TinyCaptioner.Image(9, 50, 31);
        var resized = new byte[(3 * 13 * 13) + 1];
        PilResize.Cut(image, (13, 13), (0, 0), (13, 13), PilFilter.Bilinear, resized);

        Assert.Equal(network.LogitsAfter(new RgbImage(13, 13, resized[..^1]), [1, 2]).Data, network.LogitsAfter(image, [1, 2]).Data);
    }

    [Fact]
    public void Weights_that_make_no_numbers_fail_each_image_by_itself()
    {
        using var tiny = new TinyCaptioner();
        tiny.Rewrite(name => name, (name, weights) => weights[0] = name == "decoder.transformer.ln_f.bias" ? float.NaN : weights[0]);
        using var network = tiny.Network();

        var captions = network.Generate([TinyCaptioner.Image(1), TinyCaptioner.Image(2)], new GenerationOptions());

        Assert.All(captions, caption => Assert.Equal(("", null), (caption.Text, caption.FinishReason)));
        Assert.All(captions, caption => Assert.Contains("gave no numbers", caption.Failure, StringComparison.Ordinal));
    }

    [Fact]
    public void Defaults_are_the_checkpoint_s()
    {
        using var tiny = new TinyCaptioner();
        using var network = tiny.Network();

        Assert.Equal(29, network.MaxTokens); // max_length 30, the start token among them
        Assert.Equal(29, network.Resolve(new GenerationOptions()).MaxTokens);
        Assert.Equal(Path.GetFileName(tiny.Folder), network.Name);
    }

    public static TheoryData<GenerationOptions, string> Unusable => new()
    {
        { new() { MaxTokens = 0 }, "Max tokens 0 is not in 1…40" },
        { new() { MaxTokens = 41 }, "Max tokens 41 is not in 1…40" },
        { new() { Temperature = -0.1 }, "Temperature -0.1" },
        { new() { Temperature = double.NaN }, "Temperature NaN" },
        { new() { TopP = 0 }, "Top p 0" },
        { new() { TopP = 1.01 }, "Top p 1.01" },
        { new() { RepetitionPenalty = 0 }, "Repetition penalty 0" },
    };

    [Theory, MemberData(nameof(Unusable))]
    public void Options_out_of_range_are_refused_by_name(GenerationOptions options, string named)
    {
        using var tiny = new TinyCaptioner(layers: 1);
        using var network = tiny.Network();

        Assert.Contains(named, Assert.Throws<InferenceException>(() => network.Generate([], options)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_last_position_can_be_reached()
    {
        using var tiny = new TinyCaptioner();
        using var network = tiny.Network();

        Assert.Equal(40, network.Generate([TinyCaptioner.Image(1)], new GenerationOptions { MaxTokens = 40 })[0].Ids.Count);
    }

    [Fact]
    public void An_image_with_too_few_bytes_is_refused()
    {
        using var tiny = new TinyCaptioner(layers: 1);
        using var network = tiny.Network();

        Assert.Throws<InferenceException>(() => network.Generate([new RgbImage(13, 13, new byte[500])], new GenerationOptions()));
    }

    [Fact]
    public void A_vocabulary_of_another_network_is_refused()
    {
        using var tiny = new TinyCaptioner(layers: 1);
        tiny.Change("vocab.json", json => json["Ġmore"] = 300);

        Assert.Contains("301 ids, its decoder 300", Assert.Throws<InferenceException>(() => tiny.Network()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_stopped_run_stops()
    {
        using var tiny = new TinyCaptioner(layers: 1);
        using var network = tiny.Network();

        Assert.ThrowsAny<OperationCanceledException>(() => network.Generate([TinyCaptioner.Image(1)], new GenerationOptions(), new CancellationToken(canceled: true)));
    }
}
