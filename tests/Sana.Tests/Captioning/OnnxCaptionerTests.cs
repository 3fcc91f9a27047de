using Sana.Curation;
using Sana.Curation.Captioning;
using Sana.Curation.Captioning.Config;
using Sana.GraphBuilder;
using Sana.Inference;
using Sana.Inference.Captioning;
using Sana.Inference.Imaging;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Captioning;

public sealed class OnnxCaptionerTests : IDisposable
{
    private static readonly OnnxCaptionerOptions _options = new() { Label = "tiny", Threads = 1, BatchSize = 4, Licence = "CC0-1.0" };
    private readonly TinyCaptioner _tiny = new(layers: 1);

    public OnnxCaptionerTests() => CaptionerCheckpoint.Build(_tiny.Folder, new BuildOptions());

    public void Dispose() => _tiny.Dispose();

    [Fact]
    public async Task Many_asks_at_once_get_each_its_own_caption()
    {
        using var network = _tiny.Network();
        await using var captioner = OnnxCaptioner.Load(_tiny.Folder, _options);
        RgbImage[] images = [.. Enumerable.Range(0, 11).Select(seed => TinyCaptioner.Image(seed, 20, 20))];

        var answers = await Task.WhenAll(images.Select(image => captioner.Ask(Ask(image), CancellationToken.None)));

        Assert.Equal(network.Generate(images, new GenerationOptions()).Select(caption => caption.Text), answers.Select(answer => answer.Text));
        Assert.All(answers, answer => Assert.Equal((null, "length", 29, 1, 0m), (answer.Reason, answer.FinishReason, answer.OutputTokens, answer.Attempts, answer.Cost)));
        Assert.All(answers, answer => Assert.True(answer.LatencyMs > 0));
    }

    [Fact]
    public async Task A_repair_says_something_else_and_the_same_each_time()
    {
        await using var captioner = OnnxCaptioner.Load(_tiny.Folder, _options);
        var ask = Ask(TinyCaptioner.Image(1));

        var first = await captioner.Ask(ask, CancellationToken.None);
        var repair = await captioner.Ask(ask with { Repair = Reasons.CaptionRepetition }, CancellationToken.None);
        var other = await captioner.Ask(ask with { Repair = Reasons.CaptionEmpty }, CancellationToken.None);

        Assert.Equal(3, new[] { first.Text, repair.Text, other.Text }.Distinct().Count());
        Assert.Equal(repair.Text, (await captioner.Ask(ask with { Repair = Reasons.CaptionRepetition }, CancellationToken.None)).Text);
    }

    [Fact]
    public async Task The_card_says_how_it_decodes()
    {
        await using var captioner = OnnxCaptioner.Load(_tiny.Folder, _options);

        Assert.Equal(("tiny", Path.GetFileName(_tiny.Folder), "CC0-1.0"), (captioner.Card.Label, captioner.Card.Model, captioner.Card.Licence));
        Assert.Equal(
            """{"max_tokens":29,"repair_repetition_penalty":1.3,"repair_temperature":0.7,"repair_top_p":0.9,"repetition_penalty":1,"seed":0,"temperature":0,"top_p":1}""", captioner.Card.Decoding);
        Assert.Equal(16, captioner.Card.Revision!.Length);
    }

    [Fact]
    public async Task The_rules_for_captions_are_part_of_the_identity_and_the_size_of_a_batch_is_not()
    {
        await using var plain = OnnxCaptioner.Load(_tiny.Folder, _options);
        await using var ruled = OnnxCaptioner.Load(_tiny.Folder, _options with { Rules = new CaptionRules { MinWords = 5 } });
        await using var wide = OnnxCaptioner.Load(_tiny.Folder, _options with { BatchSize = 8 });

        Assert.NotEqual(plain.Card.PromptId, ruled.Card.PromptId);
        Assert.Contains("\"min_words\":5", ruled.Card.Decoding, StringComparison.Ordinal);
        Assert.Equal(plain.Card, wide.Card);
    }

    [Fact]
    public async Task Images_that_do_not_fit_into_one_batch_together_are_all_captioned()
    {
        await using var captioner = OnnxCaptioner.Load(_tiny.Folder, _options);
        RgbImage[] images = [.. Enumerable.Range(0, 5).Select(seed => TinyCaptioner.Image(seed, 20, 20))];

        var answers = await Task.WhenAll(images.Select(image => captioner.Ask(Ask(image) with { Width = 20_000, Height = 20_000 }, CancellationToken.None)));

        Assert.All(answers, answer => Assert.NotNull(answer.Text));
    }

    [Fact]
    public async Task A_file_that_is_no_image_is_answered_with_a_reason()
    {
        await using var captioner = OnnxCaptioner.Load(_tiny.Folder, _options);

        var answer = await captioner.Ask(new CaptionAsk("no image"u8.ToArray(), "image/png", 1, 1, null), CancellationToken.None);

        Assert.Equal((null, Reasons.BadAnswer), (answer.Text, answer.Reason));
    }

    [Fact]
    public async Task Weights_that_make_no_numbers_are_a_reason_of_each_image()
    {
        _tiny.Rewrite(name => name, (name, weights) => weights[0] = name == "decoder.transformer.ln_f.bias" ? float.NaN : weights[0]);
        CaptionerCheckpoint.Build(_tiny.Folder, new BuildOptions());
        await using var captioner = OnnxCaptioner.Load(_tiny.Folder, _options);

        var answer = await captioner.Ask(Ask(TinyCaptioner.Image(1)), CancellationToken.None);

        Assert.Equal(Reasons.BadAnswer, answer.Reason);
    }

    [Fact]
    public async Task A_closed_captioner_answers_that_it_is_closed()
    {
        var captioner = OnnxCaptioner.Load(_tiny.Folder, _options);
        var asked = Enumerable.Range(0, 40).Select(seed => captioner.Ask(Ask(TinyCaptioner.Image(seed)), CancellationToken.None)).ToArray();
        await captioner.DisposeAsync();
        await captioner.DisposeAsync();

        Assert.All(await Task.WhenAll(asked), answer => Assert.True(answer.Text is not null || answer.Reason == Reasons.CaptionerUnavailable));
        Assert.Equal(Reasons.CaptionerUnavailable, (await captioner.Ask(Ask(TinyCaptioner.Image(1)), CancellationToken.None)).Reason);
    }

    [Fact]
    public async Task A_stopped_run_leaves_the_others_alone()
    {
        await using var captioner = OnnxCaptioner.Load(_tiny.Folder, _options);
        using var stop = new CancellationTokenSource();
        var stopped = Enumerable.Range(0, 20).Select(seed => captioner.Ask(Ask(TinyCaptioner.Image(seed)), stop.Token)).ToArray();
        var other = captioner.Ask(Ask(TinyCaptioner.Image(99)), CancellationToken.None);
        await stop.CancelAsync();

        Assert.NotNull((await other).Text);
        foreach (var ask in stopped)
        {
            try
            {
                Assert.NotNull((await ask).Text); // it was through before the stop
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
            }
        }
    }

    [Theory]
    [InlineData("a.b", 1.0)]
    [InlineData("prompt", 1.0)]
    [InlineData("good", 11.0)]
    public void What_cannot_be_is_refused_when_it_is_loaded(string label, double temperature)
    {
        var options = _options with { Label = label, Generation = new GenerationOptions { Temperature = temperature } };

        var refusal = Assert.ThrowsAny<Exception>(() => OnnxCaptioner.Load(_tiny.Folder, options));

        Assert.True(refusal is CurationException or InferenceException);
    }

    private static CaptionAsk Ask(RgbImage image) => new(ImageCodec.Encode(image, ImageFormat.Png), "image/png", image.Width, image.Height, null);
}
