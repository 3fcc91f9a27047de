using System.Security.Cryptography;
using Sana.Inference.Clip;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Parity;

/// <summary>From files and texts to scores, through the graphs that a build writes.</summary>
[Trait("Category", "Parity")]
public sealed class ClipScorerParityTests : IDisposable
{
    // On the scale of 100, where a decoder has no say.
    private const double EndToEnd = 0.01;

    private readonly BuiltClip _checkpoint = new();
    private readonly ClipScorer _scorer;

    public ClipScorerParityTests() => _scorer = _checkpoint.Scorer(new ClipScorerOptions { Threads = 1, BatchSize = 4 });

    [Fact]
    public void Images_are_embedded()
    {
        var embeddings = _scorer.EmbedImages([.. ClipReference.Places.Select(ClipReference.Decode)]);

        Assert.All(Exact(), image => Within("image_embeds.normalized", ClipReference.Row("image_embeds.normalized", image), embeddings[image]));
    }

    [Fact]
    public void Texts_are_embedded()
    {
        var embeddings = _scorer.EmbedTexts(ClipReference.Texts);

        Within("text_embeds.normalized", ClipReference.Tensors.Floats("text_embeds.normalized"), [.. embeddings.SelectMany(row => row)]);
    }

    [Fact]
    public void Tokens_are_counted_and_cuts_are_told()
    {
        var scores = _scorer.ScoreTexts(_scorer.EmbedImages([ClipReference.Decode(0)])[0], ClipReference.Texts);

        var expected = ClipReference.Json.GetProperty("texts").EnumerateArray().Select(text => (text.GetProperty("tokens").GetInt32(), text.GetProperty("truncated").GetBoolean()));
        Assert.Equal(expected, scores.Select(score => (score.Tokens, score.Truncated)));
        Assert.Contains(scores, score => score.Truncated);
    }

    [Fact]
    public void Scores_are_the_references_from_file_and_text()
    {
        var images = _scorer.EmbedImages([.. ClipReference.Places.Select(ClipReference.Decode)]);

        foreach (var image in Exact())
        {
            var scores = _scorer.ScoreTexts(images[image], ClipReference.Texts);

            Within("cosine", ClipReference.Row("cosine", image), [.. scores.Select(score => (float)(score.Score / 100))]);
            Within("clip_score_100", ClipReference.Row("clip_score_100", image), [.. scores.Select(score => (float)Math.Max(score.Score, 0))]);
            Assert.All(ClipReference.Row("clip_score_100", image).Zip(scores), pair => Assert.Equal(pair.First, Math.Max(pair.Second.Score, 0), EndToEnd));
        }
    }

    // The fixtures measure by how much scores move when each decoded sample is off by up to 2; the reference's decoder and this one stay within that.
    [Fact]
    public void Scores_of_a_jpeg_are_the_references_but_for_its_decoder()
    {
        var tolerance = ClipReference.Json.GetProperty("resamplers").GetProperty("JPEG only: each decoded sample off by up to 2, at random").GetProperty("max").GetDouble();
        var jpegs = ClipReference.Places.Where(ClipReference.IsJpeg).ToArray();
        Assert.NotEmpty(jpegs);

        var images = _scorer.EmbedImages([.. jpegs.Select(ClipReference.Decode)]);

        Assert.All(jpegs.Zip(images), pair => Assert.All(
            ClipReference.Row("cosine", pair.First).Zip(_scorer.ScoreTexts(pair.Second, ClipReference.Texts)),
            texts => Assert.Equal(texts.First, texts.Second.Score / 100, tolerance)));
    }

    public void Dispose()
    {
        _scorer.Dispose();
        _checkpoint.Dispose();
    }

    // Where the decoded pixels are the reference's: every PNG, and a JPEG if the decoders agree to the bit.
    private static int[] Exact()
    {
        var exact = ClipReference.Places.Where(image =>
            Convert.ToHexStringLower(SHA256.HashData(ClipReference.Decode(image).Pixels)) == ClipReference.Images[image].GetProperty("rgb_sha256").GetString()).ToArray();
        Assert.Equal(ClipReference.Places.Where(image => !ClipReference.IsJpeg(image)), exact.Where(image => !ClipReference.IsJpeg(image)));
        return exact;
    }

    private static void Within(string measure, float[] expected, float[] actual)
    {
        var tolerance = ClipReference.Tolerance(measure);
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
        {
            Assert.True(Math.Abs((double)expected[i] - actual[i]) <= tolerance, $"{measure}, element {i}: expected {expected[i]:R}, got {actual[i]:R}, allowed {tolerance:E0}.");
        }
    }
}
