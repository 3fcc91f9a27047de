using Sana.GraphBuilder;
using Sana.Inference.Clip;
using Sana.Inference.Text;
using Sana.StillLife;
using Sana.StillLife.Captions;
using TinySana.Publishing;
using TinySana.Scenes;
using TinySana.Tokenizers;
using TinySana.Torch;
using TinySana.Training;

namespace TinySana.Commands;

/// <summary>The command <c>clip</c>: trains CLIP, starting from the rich captioner, writes its checkpoint and evaluates it.</summary>
internal static class ClipCommand
{
    private const string Name = "tiny-clip";
    private const int Context = 64;

    // A random change may give the true value again.
    private const int Attempts = 8;

    private static readonly Richness[] Styles = [Richness.Plain, Richness.Placed, Richness.Rich];

    /// <param name="arguments"><c>--as-is</c> does not train but takes the last checkpoint of a training that may still run.</param>
    public static int Run(string[] arguments)
    {
        NativeTorch.Prepare(threads: 1);
        var (training, folder) = (Path.Combine("artifacts", "training"), Path.Combine("models", Name));
        var captionerFolder = Path.Combine(training, CaptionerRecipe.Rich.Name);
        Gpt2TokenizerTraining.Write(captionerFolder, CaptionerRecipe.Positions);
        ClipTokenizerTraining.Write(folder, Context);
        var captioner = CaptionerTraining.Run(CaptionerRecipe.Rich, captionerFolder, new Gpt2Tokenizer(captionerFolder), train: false);
        var clip = ClipTraining.Run(Path.Combine(training, Name), ClipTokenizer.Load(folder), captioner, train: !arguments.Contains("--as-is"));
        ClipFolder.Write(folder, clip);
        Evaluate(folder, UnseenScenes.Usual(400), "new scenes");
        Evaluate(folder, UnseenScenes.HeldOutOnly(400), "held-out combinations");
        return 0;
    }

    // Prints the share of true captions that score more than all their hard negatives, and the share of negatives that score less than the true caption, by
    // change.
    private static void Evaluate(string folder, Scene[] scenes, string title)
    {
        ClipCheckpoint.Build(folder, new BuildOptions());
        using var scorer = ClipScorer.Load(folder, new ClipScorerOptions { Threads = 1, BatchSize = 64 });
        var random = new SceneRandom(1);
        var cases = scenes.SelectMany(scene => Styles.Select(richness => (Truth: CaptionGrammar.Describe(scene, richness), Negatives: Negatives(scene, richness, random)))).ToArray();
        var images = scorer.EmbedImages([.. scenes.Select(ScenePictures.Render)]);
        var scores = scorer.ScoreTexts(
            [.. images.SelectMany(image => Styles.Select(_ => image))],
            [.. cases.Select(one => (IReadOnlyList<string>)[one.Truth, .. one.Negatives.Select(negative => negative.Text)])]);

        var (wins, found) = (0, new Dictionary<Change, (int Right, int All)>());
        var (truths, negatives) = (0.0, 0.0);
        for (var i = 0; i < cases.Length; i++)
        {
            var truth = scores[i][0].Score;
            truths += truth / cases.Length;
            negatives += cases[i].Negatives.Length == 0 ? 0 : scores[i].Skip(1).Average(score => score.Score) / cases.Length;
            wins += scores[i].Skip(1).All(score => score.Score < truth) ? 1 : 0;
            for (var j = 0; j < cases[i].Negatives.Length; j++)
            {
                var (right, all) = found.GetValueOrDefault(cases[i].Negatives[j].Change);
                found[cases[i].Negatives[j].Change] = (right + (scores[i][j + 1].Score < truth ? 1 : 0), all + 1);
            }
        }

        Console.WriteLine($"  {Path.GetFileName(folder)}, {title}: {wins / (double)cases.Length:P1} of {cases.Length} captions win against all hard negatives, "
            + $"{found.Values.Sum(kind => kind.Right) / (double)found.Values.Sum(kind => kind.All):P1} of hard negatives found: "
            + string.Join(", ", found.OrderBy(kind => kind.Key).Select(kind => $"{kind.Key} {kind.Value.Right / (double)kind.Value.All:P1}"))
            + $"; mean score {truths:F1} of true captions, {negatives:F1} of hard negatives");
    }

    private static (Change Change, string Text)[] Negatives(Scene scene, Richness richness, SceneRandom random) =>
    [
        .. Enum.GetValues<Change>()
            .Select(change => (Change: change, Text: Enumerable.Range(0, Attempts).Select(_ => HardNegatives.Write(scene, change, richness, random)).FirstOrDefault(text => text is not null)))
            .Where(negative => negative.Text is not null)
            .Select(negative => (negative.Change, negative.Text!)),
    ];
}
