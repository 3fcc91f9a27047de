using System.Diagnostics;
using Sana.Inference.Diffusion;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Diffusion;

/// <summary>What a caller may rely on: the same image in any company, progress in order, an end when asked.</summary>
public sealed class SanaPipelineTests : IDisposable
{
    private static readonly GenerateOptions _small = new() { Width = 96, Height = 64, Steps = 2, UseResolutionBinning = false };

    private static readonly ImageRequest[] _requests =
    [
        new("a red house", Seed: 7), new("", Seed: 7), new("a lighthouse on a cliff above a stormy sea, painted in oil", Seed: 8), new("一只猫", Seed: 7, Index: 3),
    ];

    private readonly List<IDisposable> _owned = [];

    public static TheoryData<string> Checkpoints => [.. BuiltCheckpoint.Names];

    public void Dispose()
    {
        _owned.Reverse();
        _owned.ForEach(owned => owned.Dispose());
    }

    [Theory, MemberData(nameof(Checkpoints)), Trait("Category", "Parity")]
    public void An_image_is_the_same_alone_in_a_batch_and_in_another_order(string checkpoint)
    {
        var pipeline = Load(checkpoint);

        var alone = _requests.Select(request => pipeline.Generate([request], _small)[0]).ToArray();
        var batch = pipeline.Generate(_requests, _small);
        var reversed = pipeline.Generate([.. _requests.Reverse()], _small).Reverse().ToArray();

        for (var i = 0; i < _requests.Length; i++)
        {
            Assert.Equal(_requests[i], batch[i].Request);
            Same(alone[i], batch[i]);
            Same(alone[i], reversed[i]);
        }
    }

    [Fact]
    public void Images_of_one_prompt_and_seed_differ_by_their_index_alone()
    {
        var pipeline = Load(BuiltCheckpoint.Plain);

        var images = pipeline.Generate([.. Enumerable.Range(0, 3).Select(index => new ImageRequest("a red house", Seed: 7, index))], _small);

        Assert.Equal(3, images.Select(image => Convert.ToHexString(image.Image!.Pixels)).Distinct().Count());
        Same(pipeline.Generate([new ImageRequest("a red house", Seed: 7, Index: 2)], _small)[0], images[2]);
    }

    [Theory]
    [InlineData(1f, true)]
    [InlineData(0.5f, true)]
    [InlineData(4.5f, false)]
    public void Guidance_of_one_or_less_asks_the_prompt_alone(float guidance, bool alone)
    {
        var pipeline = Load(BuiltCheckpoint.Plain);
        var options = _small with { Guidance = guidance };

        var first = pipeline.Generate(_requests[..1], options with { NegativePrompt = "blurry" })[0].Image!.Pixels;
        var second = pipeline.Generate(_requests[..1], options with { NegativePrompt = "a green car" })[0].Image!.Pixels;

        Assert.Equal(alone, first.SequenceEqual(second));
    }

    [Fact]
    public void Progress_counts_every_stage_in_order()
    {
        var pipeline = Load(BuiltCheckpoint.Plain);
        var told = new Told();

        pipeline.Generate(_requests[..2], _small with { Steps = 3 }, told);

        Assert.Equal([new("text", 1, 1), new("denoise", 1, 3), new("denoise", 2, 3), new("denoise", 3, 3), new("decode", 1, 2), new("decode", 2, 2)], told.All.Select(at => at with { Preview = null }));
    }

    [Fact]
    public void Previews_show_every_image_come_closer_to_it_and_change_nothing_about_it()
    {
        var pipeline = Load(BuiltCheckpoint.Plain);
        var options = _small with { Steps = 8 };
        var seen = new List<IReadOnlyList<Sana.Inference.Imaging.RgbImage?>>();
        var told = new Told
        {
            Each = progress =>
            {
                if (progress.Preview is { } preview)
                    seen.Add(preview());
            },
        };

        var plain = pipeline.Generate(_requests[..2], options);
        var shown = pipeline.Generate(_requests[..2], options, told);

        Assert.Equal(7, seen.Count);
        for (var i = 0; i < 2; i++)
        {
            Same(plain[i], shown[i]);
            Assert.True(Distance(seen[6][i]!, shown[i].Image!) < Distance(seen[0][i]!, shown[i].Image!));
        }

        static double Distance(Sana.Inference.Imaging.RgbImage one, Sana.Inference.Imaging.RgbImage other) => one.Pixels.Zip(other.Pixels, (a, b) => Math.Abs(a - b)).Average();
    }

    [Fact]
    public void A_prompt_that_is_refused_for_its_length_costs_the_others_nothing()
    {
        var pipeline = Load(BuiltCheckpoint.Plain);
        var tooLong = new ImageRequest(string.Join(' ', Enumerable.Range(0, 500).Select(i => $"thing {i}")), Seed: 1);
        var length = pipeline.Measure(tooLong.Prompt, useInstruction: true);

        var refused = pipeline.Generate([_requests[0], tooLong, _requests[2]], _small with { RefuseLongPrompts = true });
        var cut = pipeline.Generate([tooLong], _small)[0];

        Assert.True(length.Tokens > length.Limit && pipeline.Measure(_requests[2].Prompt, useInstruction: true) is var fits && fits.Tokens <= fits.Limit);
        Assert.Equal([null, "prompt_too_long", null], refused.Select(image => image.Failure));
        Assert.Null(refused[1].Image);
        Same(pipeline.Generate([_requests[0]], _small)[0], refused[0]);
        Same(pipeline.Generate([_requests[2]], _small)[0], refused[2]);
        Assert.Contains("prompt_truncated", cut.Flags);
        Assert.Equal("prompt_too_long", Assert.Single(pipeline.Generate([tooLong], _small with { RefuseLongPrompts = true })).Failure);
        Assert.All(pipeline.Generate(_requests[..2], _small with { RefuseLongPrompts = true, NegativePrompt = tooLong.Prompt }), image => Assert.Equal("prompt_too_long", image.Failure));
    }

    [Fact]
    public void A_cancelled_run_ends_inside_its_step()
    {
        var pipeline = Load(BuiltCheckpoint.Plain);
        using var cancellation = new CancellationTokenSource();
        var clock = new Stopwatch();
        var told = new Told
        {
            Each = progress =>
            {
                if (progress is { Stage: "denoise", Step: 1 })
                {
                    clock.Start();
                    cancellation.CancelAfter(1); // while the next step runs
                }
            },
        };

        Assert.ThrowsAny<OperationCanceledException>(() =>
            pipeline.Generate(_requests, new GenerateOptions { Width = 1024, Height = 1024, Steps = 1000, UseResolutionBinning = false }, told, cancellation.Token));

        Assert.InRange(clock.Elapsed.TotalSeconds, 0, 5);
        Assert.DoesNotContain(told.All, progress => progress.Stage == "decode");
    }

    [Fact]
    public void A_run_that_was_cancelled_before_does_nothing()
    {
        var pipeline = Load(BuiltCheckpoint.Plain);

        Assert.ThrowsAny<OperationCanceledException>(() => pipeline.Generate(_requests[..1], _small, cancellationToken: new CancellationToken(canceled: true)));

        Assert.Null(pipeline.Generate(_requests[..1], _small)[0].Failure);
    }

    private SanaPipeline Load(string name)
    {
        var checkpoint = BuiltCheckpoint.Copy(name);
        _owned.Add(checkpoint);
        checkpoint.Build();
        var pipeline = SanaPipeline.Load(checkpoint.Folder, new PipelineOptions());
        _owned.Add(pipeline);
        return pipeline;
    }

    private static void Same(GeneratedImage expected, GeneratedImage actual) => Assert.Equal(expected.Image!.Pixels, actual.Image!.Pixels);

    private sealed class Told : IProgress<GenerateProgress>
    {
        public List<GenerateProgress> All { get; } = [];

        public Action<GenerateProgress> Each { get; init; } = _ => { };

        public void Report(GenerateProgress value)
        {
            All.Add(value);
            Each(value);
        }
    }
}
