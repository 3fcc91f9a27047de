using Sana.Inference.Clip;
using Sana.Inference.Imaging;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Clip;

public sealed class SiglipScorerTests : IDisposable
{
    // Embeddings have length 1.
    private const double Rounding = 1e-5;

    private static readonly RgbImage _image = SiglipReference.Decode(0);
    private static readonly string _long = string.Join(' ', Enumerable.Range(0, 120).Select(i => $"a cat {i}"));

    private readonly BuiltSiglip _checkpoint = new();
    private readonly ClipScorer _scorer;

    public SiglipScorerTests() => _scorer = _checkpoint.Scorer();

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(64)]
    public void A_batch_s_composition_changes_nothing_but_rounding(int batch)
    {
        using var other = _checkpoint.Scorer(new ClipScorerOptions { Threads = 1, BatchSize = batch });
        RgbImage[] images = [.. Enumerable.Range(0, SiglipReference.Images.Length).Select(SiglipReference.Decode)];

        Near(_scorer.EmbedImages(images), other.EmbedImages(images));
        Near(_scorer.EmbedTexts(SiglipReference.Texts), other.EmbedTexts(SiglipReference.Texts));
        Near([.. SiglipReference.Texts.Select(text => _scorer.EmbedTexts([text])[0])], other.EmbedTexts(SiglipReference.Texts));
    }

    [Fact]
    public void A_text_is_read_in_lower_case() => Assert.Equal(_scorer.EmbedTexts(["two cats on a table"])[0], _scorer.EmbedTexts(["TWO Cats on a TABLE"])[0]);

    [Fact]
    public void A_text_that_is_not_cut_has_one_score()
    {
        var score = _scorer.ScoreTexts(_scorer.EmbedImages([_image])[0], ["a cat"])[0];

        Assert.Equal(score.Score, score.WindowScore);
        Assert.False(score.Truncated);
        Assert.InRange(score.Tokens, 2, _scorer.ContextLength);
    }

    [Fact]
    public void A_long_text_has_the_mean_of_windows_over_all_of_it()
    {
        var image = _scorer.EmbedImages([_image])[0];

        var scores = _scorer.ScoreTexts(image, [_long, _long + " and a dog"]);

        Assert.All(scores, score => Assert.True(score.Truncated));
        Assert.Equal(scores[0].Score, scores[1].Score, 100 * Rounding); // the cut text is the same
        Assert.NotEqual(scores[0].WindowScore, scores[1].WindowScore, 1e-3);
        Assert.NotEqual(scores[0].Score, scores[0].WindowScore, 1e-3);
    }

    [Fact]
    public void Windows_have_an_end_token_and_no_start_token()
    {
        var tokens = ScorerTokens.Siglip(_checkpoint.Folder, _scorer.ContextLength);

        var (windows, whole) = (ClipWindows.Split(_long, tokens).Windows, tokens.Encode(_long));

        Assert.All(windows, window => Assert.Equal((_scorer.ContextLength, tokens.EndId), (window.Length, window[^1])));
        Assert.Equal(whole[..(_scorer.ContextLength - 1)], windows[0][..^1]);
        Assert.Equal(whole[^_scorer.ContextLength..^1], windows[^1][..^1]);
    }

    /// <summary>transformers writes lower case into the file that it saves; published files leave it to whoever calls.</summary>
    [Fact]
    public void A_tokenizer_file_may_ask_for_lower_case_itself()
    {
        _checkpoint.Edit("tokenizer.json", json => json["normalizer"] = new System.Text.Json.Nodes.JsonObject
        {
            ["type"] = "Sequence",
            ["normalizers"] = new System.Text.Json.Nodes.JsonArray(new System.Text.Json.Nodes.JsonObject { ["type"] = "Lowercase" }, json["normalizer"]!.DeepClone()),
        });
        using var other = _checkpoint.Scorer();

        Assert.Equal(_scorer.EmbedTexts(SiglipReference.Texts), other.EmbedTexts(SiglipReference.Texts));
    }

    [Fact]
    public void A_hostile_text_fails_no_other()
    {
        string[] texts = ["a cat", new string('x', 1_500_000), new string('İ', 1_000_000), "\ud800", "", "\0", "<bos><eos><pad>"];

        var scores = _scorer.ScoreTexts(_scorer.EmbedImages([_image])[0], texts);

        Assert.All(scores, score => Assert.InRange(score.Score, -100, 100));
        Assert.Equal(texts.Length, scores.Length);
    }

    [Fact]
    public void Nothing_gives_nothing()
    {
        Assert.Empty(_scorer.EmbedImages([]));
        Assert.Empty(_scorer.EmbedTexts([]));
    }

    [Fact]
    public void An_even_chance_is_where_the_sigmoid_is_one_half()
    {
        Assert.Equal(0, _scorer.Sigmoid!.Logit(_scorer.EvenScore!.Value), 1e-9);
        Assert.Equal(ScorerFamily.Siglip, _scorer.Family);
    }

    [Fact]
    public void CLIP_has_no_sigmoid()
    {
        using var clip = new BuiltClip();
        using var scorer = clip.Scorer();

        Assert.Equal((ScorerFamily.Clip, null), (scorer.Family, scorer.EvenScore));
    }

    [Theory]
    [InlineData("google/siglip2-base-patch16-224", "google-siglip2-base-patch16-224")]
    [InlineData("siglip2-so400m-patch14-384", "siglip2-so400m-patch14-384")]
    [InlineData("My Scorer", "siglip-my-scorer")]
    [InlineData("模型", "siglip")]
    public void A_column_says_that_it_is_SigLIP_s(string checkpoint, string expected)
    {
        Assert.Equal(expected, ClipName.OfSiglip(checkpoint));
        Assert.True(ClipName.IsValid(expected));
    }

    [Fact]
    public void A_long_name_is_cut() => Assert.Equal(64, ClipName.OfSiglip(new string('a', 500)).Length);

    public void Dispose()
    {
        _scorer.Dispose();
        _checkpoint.Dispose();
    }

    private static void Near(float[][] expected, float[][] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        Assert.All(expected.Zip(actual), rows => Assert.All(rows.First.Zip(rows.Second), pair => Assert.Equal(pair.First, pair.Second, Rounding)));
    }
}
