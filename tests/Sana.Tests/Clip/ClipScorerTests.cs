using Sana.Inference;
using Sana.Inference.Clip;
using Sana.Inference.Imaging;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Clip;

public sealed class ClipScorerTests : IDisposable
{
    private static readonly RgbImage _image = ClipReference.Decode(0);
    private static readonly string _long = string.Join(' ', Enumerable.Range(0, 120).Select(i => $"a cat {i}"));

    private readonly BuiltClip _checkpoint = new();
    private readonly ClipScorer _scorer;

    public ClipScorerTests() => _scorer = _checkpoint.Scorer();

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(64)]
    public void A_batch_s_composition_changes_nothing_but_rounding(int batch)
    {
        using var other = _checkpoint.Scorer(new ClipScorerOptions { Threads = 1, BatchSize = batch });
        RgbImage[] images = [.. ClipReference.Places.Select(ClipReference.Decode)];

        Near(_scorer.EmbedImages(images), other.EmbedImages(images), ClipReference.Tolerance("image_embeds.normalized"));
        Near(_scorer.EmbedTexts(ClipReference.Texts), other.EmbedTexts(ClipReference.Texts), ClipReference.Tolerance("text_embeds.normalized"));
        Near([.. ClipReference.Texts.Select(text => _scorer.EmbedTexts([text])[0])], other.EmbedTexts(ClipReference.Texts), ClipReference.Tolerance("text_embeds.normalized"));
    }

    [Fact]
    public void Embeddings_have_length_1() => Assert.All(_scorer.EmbedTexts(ClipReference.Texts), row => Assert.Equal(1, row.Sum(x => (double)x * x), 1e-5));

    [Fact]
    public void A_text_that_is_not_cut_has_one_score()
    {
        var score = _scorer.ScoreTexts(_scorer.EmbedImages([_image])[0], ["a cat"])[0];

        Assert.Equal(score.Score, score.WindowScore);
        Assert.False(score.Truncated);
    }

    [Fact]
    public void A_long_text_has_the_mean_of_windows_over_all_of_it()
    {
        var image = _scorer.EmbedImages([_image])[0];

        var scores = _scorer.ScoreTexts(image, [_long, _long + " and a dog", _long[..200]]);

        Assert.Equal((true, true), (scores[0].Truncated, scores[1].Truncated));
        Assert.Equal(scores[0].Score, scores[1].Score, ClipReference.Tolerance("clip_score_100")); // the cut text is the same
        Assert.NotEqual(scores[0].WindowScore, scores[1].WindowScore, 1e-3);
        Assert.NotEqual(scores[0].Score, scores[0].WindowScore, 1e-3);
        Assert.InRange(scores[0].Tokens, _scorer.ContextLength + 1, 2000);
    }

    [Fact]
    public void Texts_of_many_images_are_scored_as_each_alone()
    {
        var images = _scorer.EmbedImages([.. ClipReference.Places.Take(3).Select(ClipReference.Decode)]);
        string[][] texts = [["a cat", _long], [], ["a dog", "a cat", "a cat"]];

        var together = _scorer.ScoreTexts(images, texts);

        Assert.Equal(texts.Select(list => list.Length), together.Select(scores => scores.Length));
        for (var i = 0; i < images.Length; i++)
        {
            Assert.All(together[i].Zip(_scorer.ScoreTexts(images[i], texts[i])), pair => Assert.Equal(pair.Second.Score, pair.First.Score, ClipReference.Tolerance("clip_score_100")));
        }
    }

    [Fact]
    public void Nothing_gives_nothing()
    {
        Assert.Empty(_scorer.EmbedImages([]));
        Assert.Empty(_scorer.EmbedTexts([]));
        Assert.Empty(_scorer.ScoreTexts(Array.Empty<float[]>(), []));
    }

    [Fact]
    public void A_hostile_text_fails_no_other()
    {
        string[] texts = ["a cat", new string('x', 1_500_000), "\ud800", "", "\0"];

        var scores = _scorer.ScoreTexts(_scorer.EmbedImages([_image])[0], texts);

        Assert.Equal(5, scores.Length);
        Assert.All(scores, score => Assert.InRange(score.Score, -100, 100));
        Assert.True(scores[1].Truncated);
    }

    [Fact]
    public void Many_threads_share_one_scorer()
    {
        var alone = _scorer.EmbedImages([_image])[0];

        Parallel.For(0, 8, _ => Assert.Equal(alone, _scorer.EmbedImages([_image])[0]));
    }

    [Fact]
    public void An_image_of_the_wrong_length_is_refused() =>
        Assert.Contains("needs 12 bytes and has 11", Assert.Throws<InferenceException>(() => _scorer.EmbedImages([new RgbImage(2, 2, new byte[11])])).Message, StringComparison.Ordinal);

    [Fact]
    public void A_cancelled_call_stops()
    {
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();

        Assert.ThrowsAny<OperationCanceledException>(() => _scorer.EmbedImages([_image], cancelled.Token));
        Assert.ThrowsAny<OperationCanceledException>(() => _scorer.EmbedTexts(["a cat"], cancelled.Token));
    }

    [Theory]
    [InlineData("vision_model.onnx")]
    [InlineData("text_model.onnx")]
    public void A_checkpoint_that_is_not_built_is_refused_with_the_fix(string graph)
    {
        using var other = new BuiltClip();
        other.Build();
        File.Delete(other.PathOf(graph));

        Assert.Contains("sana build", Assert.Throws<InferenceException>(() => ClipScorer.Load(other.Folder, new ClipScorerOptions())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Graphs_of_two_checkpoints_are_refused()
    {
        using var other = new BuiltClip();
        File.AppendAllText(other.PathOf("config.json"), " ");
        other.Build();
        File.Copy(_checkpoint.PathOf("text_model.onnx"), other.PathOf("text_model.onnx"), overwrite: true);

        Assert.Contains("different checkpoints", Assert.Throws<InferenceException>(() => ClipScorer.Load(other.Folder, new ClipScorerOptions())).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(-1, 16)]
    [InlineData(1025, 16)]
    [InlineData(0, 0)]
    [InlineData(0, 257)]
    public void An_option_out_of_range_is_refused(int threads, int batch) =>
        Assert.Throws<InferenceException>(() => ClipScorer.Load(_checkpoint.Folder, new ClipScorerOptions { Threads = threads, BatchSize = batch }));

    public void Dispose()
    {
        _scorer.Dispose();
        _checkpoint.Dispose();
    }

    private static void Near(float[][] expected, float[][] actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        Assert.All(expected.Zip(actual), rows => Assert.All(rows.First.Zip(rows.Second), pair => Assert.Equal(pair.First, pair.Second, tolerance)));
    }
}
