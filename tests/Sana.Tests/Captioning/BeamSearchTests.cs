using Sana.Inference;
using Sana.Inference.Captioning;
using Sana.Inference.Imaging;
using Sana.Tests.Models;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Captioning;

/// <summary>Captions with beams of both families, against the search written out as the reference does it, and in batches.</summary>
public sealed class BeamSearchTests
{
    /// <summary>Beams, greatest length, length penalty, early stopping, n-gram rule, whether tokens are forced.</summary>
    public static TheoryData<int, int, double, string, int, bool> Ways => new()
    {
        { 2, 12, 1, "false", 0, false },
        { 3, 12, 1, "true", 0, false },
        { 3, 12, 1, "never", 0, false },
        { 8, 9, 1, "true", 3, true },
        { 4, 12, 2, "false", 2, false },
        { 4, 12, -1, "never", 2, false },
        { 4, 12, 0.5, "never", 3, true },
        { 5, 14, 0, "false", 1, false },
        { 3, 2, 1, "true", 0, true },
        { 3, 1, 1, "true", 0, false },
    };

    [Theory, MemberData(nameof(Ways))]
    public void Captions_are_those_of_the_search_written_out(int beams, int most, double penalty, string early, int ngram, bool forced)
    {
        using var tiny = new TinyCaptioner(tied: false);
        // Frequent tokens end captions, so that some end early and some never.
        int[] ends = [.. Frequent(tiny, beams), TinyCaptioner.EndId];
        tiny.Change("generation_config.json", json =>
        {
            (json["num_beams"], json["length_penalty"], json["no_repeat_ngram_size"]) = (beams, penalty, ngram);
            json["early_stopping"] = early == "never" ? "never" : early == "true";
            json["eos_token_id"] = new System.Text.Json.Nodes.JsonArray([.. ends.Select(id => (System.Text.Json.Nodes.JsonNode)id)]);
            if (forced)
                (json["forced_bos_token_id"], json["forced_eos_token_id"]) = (7, TinyCaptioner.EndId);
        });
        using var network = tiny.Network();
        var plain = new PlainCaptioner(tiny);
        RgbImage[] images = [.. Enumerable.Range(20, 4).Select(seed => TinyCaptioner.Image(seed))];

        var captions = network.Generate(images, new GenerationOptions { MaxTokens = most });

        for (var i = 0; i < images.Length; i++)
        {
            var states = plain.States(images[i]);
            var expected = new PlainBeams(ids => plain.Logits(states, ids), TinyCaptioner.EndId, ends)
            {
                Beams = beams,
                MaxTokens = most,
                LengthPenalty = penalty,
                EarlyStopping = early,
                NoRepeatNgramSize = ngram,
                ForcedFirst = forced ? 7 : null,
                ForcedLast = forced ? TinyCaptioner.EndId : null,
            }.Search();
            Assert.Equal(expected.Length, captions[i].Tokens);
            Assert.Equal(ends.Contains(expected[^1]) ? expected[..^1] : expected, captions[i].Ids);
        }
    }

    [Fact]
    public void More_beams_find_likelier_captions()
    {
        using var tiny = new TinyCaptioner(tied: false);
        using var network = tiny.Network();
        var plain = new PlainCaptioner(tiny);
        RgbImage[] images = [.. Enumerable.Range(20, 8).Select(seed => TinyCaptioner.Image(seed))];

        var pairs = images.Select(image => (One: Probability(image, 1), Eight: Probability(image, 8))).ToArray();

        Assert.True(pairs.Sum(pair => pair.Eight) > pairs.Sum(pair => pair.One), string.Join(' ', pairs));

        double Probability(RgbImage image, int beams)
        {
            var states = plain.States(image);
            var ids = network.Generate([image], new GenerationOptions { MaxTokens = 12, Beams = beams })[0].Ids;
            return Enumerable.Range(0, ids.Count).Sum(at =>
            {
                var logits = plain.Logits(states, [TinyCaptioner.EndId, .. ids.Take(at)]);
                return logits[ids[at]] - Math.Log(logits.Sum(Math.Exp));
            });
        }
    }

    [Theory]
    [InlineData(1, 1), InlineData(1, 3), InlineData(2, 3), InlineData(5, 3), InlineData(7, 8)]
    public void A_batch_says_what_each_image_says_alone(int batch, int beams)
    {
        using var tiny = new TinyCaptioner(tied: false);
        int[] ends = [.. Frequent(tiny, beams), TinyCaptioner.EndId];
        tiny.Change("generation_config.json", json => json["eos_token_id"] = new System.Text.Json.Nodes.JsonArray([.. ends.Select(id => (System.Text.Json.Nodes.JsonNode)id)]));
        using var network = tiny.Network(batch);
        using var alone = tiny.Network(1);
        RgbImage[] images = [.. Enumerable.Range(20, 21).Select(seed => TinyCaptioner.Image(seed))];
        var options = new GenerationOptions { MaxTokens = 20, Beams = beams, NoRepeatNgramSize = 3 };

        var together = network.Generate(images, options);

        Assert.Equal(images.Select(image => string.Join(' ', alone.Generate([image], options)[0].Ids)), together.Select(caption => string.Join(' ', caption.Ids)));
        Assert.True(together.Select(caption => caption.Tokens).Distinct().Count() > 1, "All captions have one length: nothing ended before the others.");
    }

    [Fact]
    public void Weights_that_make_no_numbers_fail_each_image_by_itself()
    {
        using var tiny = new TinyCaptioner();
        tiny.Rewrite(name => name, (name, weights) => weights[0] = name == "decoder.transformer.ln_f.bias" ? float.NaN : weights[0]);
        using var network = tiny.Network();

        var captions = network.Generate([TinyCaptioner.Image(1), TinyCaptioner.Image(2)], new GenerationOptions { Beams = 3 });

        Assert.All(captions, caption => Assert.Contains("gave no numbers", caption.Failure, StringComparison.Ordinal));
    }

    public static TheoryData<GenerationOptions, string> Unusable => new()
    {
        { new() { Beams = 0 }, "Beams 0 is not in 1…8" },
        { new() { Beams = 9 }, "Beams 9 is not in 1…8" },
        { new() { Beams = 2, Temperature = 0.5 }, "cannot be had with a temperature" },
        { new() { Beams = 2, RepetitionPenalty = 1.1 }, "cannot be had with a temperature or a repetition penalty" },
        { new() { NoRepeatNgramSize = 65 }, "No-repeat n-gram size 65 is not in 0…64" },
        { new() { Task = "caption" }, "has no task 'caption'" },
    };

    [Theory, MemberData(nameof(Unusable))]
    public void Options_out_of_range_are_refused_by_name(GenerationOptions options, string named)
    {
        using var tiny = new TinyCaptioner(layers: 1);
        using var network = tiny.Network();

        Assert.Contains(named, Assert.Throws<InferenceException>(() => network.Generate([], options)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Beams_of_the_checkpoint_are_left_away_where_tokens_are_drawn()
    {
        using var tiny = new TinyCaptioner(layers: 1);
        tiny.Change("generation_config.json", json => (json["num_beams"], json["no_repeat_ngram_size"]) = (4, 2));
        using var network = tiny.Network();

        Assert.Equal((4, 2), (network.Resolve(new()).Beams, network.Resolve(new()).NoRepeatNgramSize));
        Assert.Equal(1, network.Resolve(new() { Temperature = 0.7 }).Beams);
    }

    // Tokens that captions of some of these images have, and others do not.
    private static int[] Frequent(TinyCaptioner tiny, int beams)
    {
        using var network = tiny.Network();
        var captions = network.Generate([.. Enumerable.Range(20, 7).Select(seed => TinyCaptioner.Image(seed))], new GenerationOptions { MaxTokens = 20, NoRepeatNgramSize = 3, Beams = beams });
        return [.. captions.SelectMany(caption => caption.Ids.Distinct()).GroupBy(id => id).Where(group => group.Count() is > 1 and < 5).Select(group => group.Key).Take(2)];
    }
}
