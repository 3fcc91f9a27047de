using Sana.GraphBuilder;
using Sana.Inference.Clip;
using Sana.StillLife;
using Sana.StillLife.Captions;
using TinySana.Training;

namespace TinySana.Judging;

/// <summary>How well a CLIP tells true captions from lies that differ in one thing, by the graphs that everybody runs.</summary>
internal static class ClipJudge
{
    // A draw may hit the true value.
    private const int Attempts = 8;

    private static readonly Richness[] Styles = [Richness.Plain, Richness.Placed, Richness.Rich];

    /// <summary>Prints the share of lies that score less than the truth, by kind of lie, and of captions that win against one lie of each kind.</summary>
    /// <param name="folder">The checkpoint.</param>
    /// <param name="scenes">None of them seen in training.</param>
    /// <param name="title">What scenes these are.</param>
    public static void Report(string folder, IReadOnlyList<Scene> scenes, string title)
    {
        ClipCheckpoint.Build(folder, new BuildOptions());
        using var scorer = ClipScorer.Load(folder, new ClipScorerOptions { Threads = 1, BatchSize = 64 });
        var random = new SceneRandom(1);
        var asked = scenes.SelectMany(scene => Styles.Select(richness => (Truth: CaptionGrammar.Describe(scene, richness), Lies: Lies(scene, richness, random)))).ToArray();
        var images = scorer.EmbedImages([.. scenes.Select(SceneImages.Of)]);
        var scores = scorer.ScoreTexts(
            [.. images.SelectMany(image => Styles.Select(_ => image))],
            [.. asked.Select(one => (IReadOnlyList<string>)[one.Truth, .. one.Lies.Select(lie => lie.Text)])]);

        var (won, told) = (0, new Dictionary<Change, (int Right, int All)>());
        var (truths, lies) = (0.0, 0.0);
        for (var i = 0; i < asked.Length; i++)
        {
            var truth = scores[i][0].Score;
            truths += truth / asked.Length;
            lies += asked[i].Lies.Length == 0 ? 0 : scores[i].Skip(1).Average(score => score.Score) / asked.Length;
            won += scores[i].Skip(1).All(score => score.Score < truth) ? 1 : 0;
            for (var j = 0; j < asked[i].Lies.Length; j++)
            {
                var (right, all) = told.GetValueOrDefault(asked[i].Lies[j].Change);
                told[asked[i].Lies[j].Change] = (right + (scores[i][j + 1].Score < truth ? 1 : 0), all + 1);
            }
        }

        Console.WriteLine($"  {Path.GetFileName(folder)}, {title}: {won / (double)asked.Length:P1} of {asked.Length} captions win against all lies, "
            + $"{told.Values.Sum(kind => kind.Right) / (double)told.Values.Sum(kind => kind.All):P1} of lies found: "
            + string.Join(", ", told.OrderBy(kind => kind.Key).Select(kind => $"{kind.Key} {kind.Value.Right / (double)kind.Value.All:P1}"))
            + $"; mean score {truths:F1} of truths, {lies:F1} of lies");
    }

    private static (Change Change, string Text)[] Lies(Scene scene, Richness richness, SceneRandom random) =>
    [
        .. Enum.GetValues<Change>()
            .Select(change => (change, Enumerable.Range(0, Attempts).Select(_ => HardNegatives.Of(scene, change, richness, random)).FirstOrDefault(text => text is not null)))
            .Where(lie => lie.Item2 is not null)
            .Select(lie => (lie.change, lie.Item2!)),
    ];
}
