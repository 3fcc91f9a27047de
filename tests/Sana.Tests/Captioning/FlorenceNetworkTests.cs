using Sana.Curation.Captioning;
using Sana.Curation.Captioning.Config;
using Sana.Inference;
using Sana.Inference.Captioning;
using Sana.Inference.Diffusion;
using Sana.Jobs.Networks;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Captioning;

/// <summary>Florence-2 in batches, and as several captioners of one folder.</summary>
public sealed class FlorenceNetworkTests : IDisposable
{
    private readonly BuiltFlorence _checkpoint = new();

    public void Dispose() => _checkpoint.Dispose();

    [Theory]
    [InlineData(1), InlineData(3), InlineData(16)]
    public void A_batch_has_the_references_ids_for_each_picture(int batch)
    {
        using var network = _checkpoint.Network(batch);
        foreach (var how in new[] { "greedy", "greedy_no_repeat", "beam3" })
        {
            foreach (var task in FlorenceReference.Captions.Select(caption => caption.Task).Distinct())
            {
                var captions = network.Generate([.. FlorenceReference.Pictures.Select(Picture.Decode)], FlorenceReference.Options(task, how));

                Assert.Equal(FlorenceReference.Pictures.Select(picture => FlorenceReference.Expected(task, picture, how)[1..^1]), captions.Select(caption => caption.Ids.ToArray()));
            }
        }
    }

    [Fact]
    public void Defaults_are_the_checkpoint_s()
    {
        using var network = _checkpoint.Network();

        var options = network.Resolve(new GenerationOptions());

        Assert.Equal((network.MaxTokens, "detailed_caption", 3, 3), (options.MaxTokens, options.Task, options.Beams, options.NoRepeatNgramSize));
        Assert.Equal("Describe in detail what is shown in the image.", CaptionNetwork.QuestionOf(options));
    }

    [Theory]
    [InlineData("more", 24, "Task 'more' is not one of caption, detailed_caption, more_detailed_caption")]
    [InlineData("caption", 1, "Max tokens 1 is not in 2…")]
    public void What_it_cannot_be_asked_is_refused_by_name(string task, int most, string sentence)
    {
        using var network = _checkpoint.Network();

        Assert.Contains(sentence, Assert.Throws<InferenceException>(() => network.Generate([], new GenerationOptions { Task = task, MaxTokens = most })).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1), InlineData(3)]
    public void The_shortest_caption_is_the_two_tokens_that_are_forced(int beams)
    {
        using var network = _checkpoint.Network();

        var caption = network.Generate([TinyCaptioner.Image(1)], new GenerationOptions { MaxTokens = 2, Beams = beams })[0];

        Assert.Equal(("0", "", 2, "length"), (string.Join(' ', caption.Ids), caption.Text, caption.Tokens, caption.FinishReason));
    }

    [Fact]
    public async Task Eight_bits_are_another_captioner_of_another_network()
    {
        using var loader = new NetworkLoader();
        var configs = CaptionerFile.Parse($$$"""
            {"captioners": [
              {"label": "exact", "kind": "onnx", "checkpoint": "{{{_checkpoint.Folder}}}", "precision": "float32"},
              {"label": "fast", "kind": "onnx", "checkpoint": "{{{_checkpoint.Folder}}}", "precision": "w8a8"}
            ]}
            """).Captioners;
        await using var exact = (OnnxCaptioner)await loader.LoadCaptioner(configs[0], CancellationToken.None);
        await using var fast = (OnnxCaptioner)await loader.LoadCaptioner(configs[1], CancellationToken.None);

        Assert.NotSame(exact.Network, fast.Network);
        Assert.Equal((Precision.Float32, Precision.W8A8), (exact.Network.Precision, fast.Network.Precision));
        Assert.DoesNotContain("precision", exact.Card.Decoding, StringComparison.Ordinal);
        Assert.Contains("\"precision\":\"w8a8\"", fast.Card.Decoding, StringComparison.Ordinal);
        Assert.NotEqual((exact.Card.Revision, exact.Card.PromptId), (fast.Card.Revision, fast.Card.PromptId));
        Assert.DoesNotContain("precision", configs[0].Identity().ToJsonString(), StringComparison.Ordinal);
        Assert.Contains("\"precision\":\"w8a8\"", configs[1].Identity().ToJsonString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Three_tasks_are_three_captioners_of_one_network()
    {
        using var loader = new NetworkLoader();
        var captioners = new List<OnnxCaptioner>();
        foreach (var config in CaptionerFile.Parse($$$"""
            {"captioners": [
              {"label": "short", "kind": "onnx", "checkpoint": "{{{_checkpoint.Folder}}}", "task": "caption", "beams": 1, "decoding": {"max_tokens": 24}},
              {"label": "middle", "kind": "onnx", "checkpoint": "{{{_checkpoint.Folder}}}", "decoding": {"max_tokens": 24}},
              {"label": "long", "kind": "onnx", "checkpoint": "{{{_checkpoint.Folder}}}", "task": "more_detailed_caption", "no_repeat_ngram_size": 0, "decoding": {"max_tokens": 24}}
            ]}
            """).Captioners)
        {
            captioners.Add((OnnxCaptioner)await loader.LoadCaptioner(config, CancellationToken.None));
        }

        var picture = FlorenceReference.Pictures.First(name => !FlorenceReference.IsJpeg(name));
        var ask = new CaptionAsk(File.ReadAllBytes(Path.Combine(Fixtures.Clip, "images", picture)), "image/png", 64, 64, null);
        var answers = await Task.WhenAll(captioners.Select(captioner => captioner.Ask(ask, CancellationToken.None)));

        Assert.Single(captioners.Select(captioner => captioner.Network).Distinct());
        Assert.Equal(3, captioners.Select(captioner => captioner.Card.PromptId).Distinct().Count());
        Assert.Equal("What does the image describe?", captioners[0].Card.Prompt);
        Assert.Equal(
            """{"beams":3,"max_tokens":24,"no_repeat_ngram_size":3,"repair_repetition_penalty":1.3,"repair_temperature":0.7,"repair_top_p":0.9,"repetition_penalty":1,"seed":0,"task":"detailed_caption","temperature":0,"top_p":1}""",
            captioners[1].Card.Decoding);
        using var network = _checkpoint.Network();
        GenerationOptions[] alone = [new() { Task = "caption", Beams = 1, MaxTokens = 24 }, new() { MaxTokens = 24 }, new() { Task = "more_detailed_caption", NoRepeatNgramSize = 0, MaxTokens = 24 }];
        Assert.Equal(alone.Select(options => network.Generate([Picture.Decode(picture)], options)[0].Text), answers.Select(answer => answer.Text));

        // The network stays while one of them uses it.
        await captioners[0].DisposeAsync();
        await captioners[1].DisposeAsync();
        Assert.Equal(answers[2].Text, (await captioners[2].Ask(ask, CancellationToken.None)).Text);
        await captioners[2].DisposeAsync();
        Assert.Throws<ObjectDisposedException>(() => captioners[2].Network.Generate([TinyCaptioner.Image(1)], new GenerationOptions { MaxTokens = 3 }));
    }
}
