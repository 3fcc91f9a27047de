using Sana.Inference;
using Sana.Inference.Imaging;
using Sana.Inference.Judging;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Judging;

/// <summary>The contract of judges, whatever is behind it.</summary>
public sealed class JudgesTests
{
    [Fact]
    public void An_image_is_embedded_once_for_all_who_read_its_vector()
    {
        using var built = new BuiltClip();
        using var clip = built.Scorer();
        var images = new JudgedImages([Picture.Decode(JudgeReference.Images[0])], ["a photo of an astronaut"]);

        var score = new ClipJudge(clip).Score(images)[0];

        Assert.Same(images.Embeddings(clip), images.Embeddings(clip));
        Assert.Equal(clip.ScoreTexts(images.Embeddings(clip)[0], ["a photo of an astronaut"])[0].Score, score);
    }

    [Fact]
    public void A_judge_of_texts_asks_for_them()
    {
        using var built = new BuiltClip();
        using var clip = built.Scorer();

        Assert.Contains("give a text for each image", Assert.Throws<InferenceException>(() => new ClipJudge(clip).Score(new JudgedImages([]))).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new JudgedImages([new RgbImage(1, 1, new byte[3])], ["one", "two"]));
    }

    [Fact]
    public void Scores_do_not_depend_on_the_batch()
    {
        using var checkpoint = BuiltJudge.Classifier();
        var images = new JudgedImages([.. JudgeReference.Images.Select(Picture.Decode)]);
        using var one = checkpoint.Load(JudgeReference.Labels[1], new JudgeOptions { BatchSize = 1 });
        using var three = checkpoint.Load(JudgeReference.Labels[1], new JudgeOptions { BatchSize = 3 });

        var (alone, together) = (one.Score(images), three.Score(images));

        Assert.All(alone.Zip(together), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
        Assert.All(alone, score => Assert.InRange(score, 0, 1));
        Assert.Empty(one.Score(new JudgedImages([])));
    }

    [Fact]
    public void Probabilities_add_up_to_1_at_any_size_of_logits()
    {
        Assert.Equal(1, ImageClassifier.Softmax([1000, -1000, 999]).Sum(), 1e-12);
        Assert.Equal([0.5, 0.5], ImageClassifier.Softmax([-3e38f, -3e38f]));
        Assert.All(ImageClassifier.Softmax([float.NaN, 0]), probability => Assert.False(double.IsFinite(probability)));
    }

    /// <summary>What one special concept adds holds for those after it and for all others; the reference's loop.</summary>
    [Theory]
    [InlineData(0.19f, 0.0, 0.195f, -0.005)] // no special concept is near: nothing is added
    [InlineData(0.21f, 0.0, 0.195f, 0.005)] // one is
    [InlineData(0.21f, 0.205, 0.195f, 0.005)] // and so is the one after it, by that
    [InlineData(0.2001f, 0.0, 0.195f, -0.005)] // rounded to three places it is not above
    public void Special_concepts_make_others_count_sooner(float special, double later, float concept, double expected) =>
        Assert.Equal(expected, SafetyChecker.Margin([special, (float)later], [0.2f, 0.21f], [0.1f, concept], [0.2f, 0.2f]), 1e-9);

    [Fact]
    public void A_label_that_a_classifier_does_not_have_is_refused_with_those_that_it_has()
    {
        using var checkpoint = BuiltJudge.Classifier();

        var error = Assert.Throws<InferenceException>(() => checkpoint.Load("watermark"));
        Assert.Contains($"has no label 'watermark'; its labels are {string.Join(", ", JudgeReference.Labels)}", error.Message, StringComparison.Ordinal);
        checkpoint.Edit("config.json", json => json["id2label"]!["0"] = JudgeReference.Labels[1]);
        Assert.Contains("more than one label", Assert.Throws<InferenceException>(() => checkpoint.Load(JudgeReference.Labels[1])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_graph_of_another_kind_and_one_that_is_not_there_are_refused()
    {
        using var checker = BuiltJudge.SafetyChecker();
        Assert.Contains("model.onnx is missing", Assert.Throws<InferenceException>(() => SafetyChecker.Load(checker.Folder, new JudgeOptions())).Message, StringComparison.Ordinal);
        checker.Build();

        Assert.Contains("has no input or output 'logits'", Assert.Throws<InferenceException>(() => ImageClassifier.Load(checker.Folder, "nsfw", new JudgeOptions())).Message, StringComparison.Ordinal);
        Assert.Contains("Batch size 0", Assert.Throws<InferenceException>(() => SafetyChecker.Load(checker.Folder, new JudgeOptions { BatchSize = 0 })).Message, StringComparison.Ordinal);
    }
}
