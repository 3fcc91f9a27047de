using System.Globalization;
using Sana.GraphBuilder;
using Sana.Inference.Clip;
using Sana.Inference.Judging;
using Sana.StillLife;
using TinySana.Publishing;
using TinySana.Scenes;
using TinySana.Torch;
using TinySana.Training;

namespace TinySana.Commands;

/// <summary>The command <c>judges</c>: trains the aesthetic head on vectors of models/tiny-clip and the classifier of lettering, writes their checkpoints and evaluates them.</summary>
internal static class JudgesCommand
{
    private const string Lettering = "tiny-lettering";
    private const string Tidy = "tiny-tidiness";
    private const string Clip = "tiny-clip";
    private const int Scenes = 400;

    public static int Run(string[] arguments)
    {
        NativeTorch.Prepare(threads: 1);
        var training = Path.Combine("artifacts", "training");
        var (lettering, tidiness, clip) = (Path.Combine("models", Lettering), Path.Combine("models", Tidy), Path.Combine("models", Clip));
        ClassifierFolder.Write(lettering, LetteringTraining.Run(Path.Combine(training, Lettering)), LetteringTraining.Labels);
        AestheticFolder.Write(tidiness, TidinessTraining.Run(Path.Combine(training, Tidy), ClipFolder.Read(clip)), Clip, "tidiness of a still life, 1…10");
        foreach (var (isHeldOut, title) in new[] { (false, "new scenes"), (true, "held-out combinations") })
        {
            EvaluateLettering(lettering, isHeldOut, title);
            EvaluateTidiness(tidiness, clip, isHeldOut ? UnseenScenes.HeldOutOnly(Scenes) : UnseenScenes.Usual(Scenes), title);
        }

        return 0;
    }

    // Half of the scenes have a card.
    private static void EvaluateLettering(string folder, bool isHeldOut, string title)
    {
        JudgeCheckpoint.Build(folder, new BuildOptions());
        using var judge = ImageClassifier.Load(folder, LetteringTraining.Labels[1], new JudgeOptions { Threads = 1 });
        Scene[] scenes = [.. UnseenScenes.Signs(Scenes / 2, isHeldOut), .. (isHeldOut ? UnseenScenes.HeldOutOnly(2 * Scenes) : UnseenScenes.Usual(2 * Scenes)).Where(scene => scene.Word is null).Take(Scenes / 2)];
        var scores = judge.Score(new JudgedImages([.. scenes.Select(ScenePictures.Render)]));
        var (found, wrong) = (scenes.Zip(scores).Where(one => one.First.Word is not null).ToArray(), scenes.Zip(scores).Where(one => one.First.Word is null).ToArray());
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"  {Path.GetFileName(folder)}, {title}: {found.Count(one => one.Second > 0.5)} of {found.Length} with a card above 0.5, the least {found.Min(one => one.Second):0.000}; "
            + $"{wrong.Count(one => one.Second > 0.5)} of {wrong.Length} without, the most {wrong.Max(one => one.Second):0.000}"));
    }

    private static void EvaluateTidiness(string folder, string clip, Scene[] scenes, string title)
    {
        ClipCheckpoint.Build(clip, new BuildOptions());
        using var scorer = ClipScorer.Load(clip, new ClipScorerOptions { Threads = 1, BatchSize = 64 });
        var file = AestheticFile.Open(folder);
        using var judge = new AestheticJudge(Tidy, file.Sha256, [.. file.Layers.Select(layer => new HeadLayer(layer.From, layer.To, layer.Weight, layer.Bias, layer.HasRelu))], scorer, file.Clip, file.Scale);
        var scores = judge.Score(new JudgedImages([.. scenes.Select(ScenePictures.Render)]));
        var truths = Array.ConvertAll(scenes, Tidiness.Of);
        var (meanScore, meanTruth) = (scores.Average(), truths.Average());
        var pairs = scores.Zip(truths).ToArray();
        var together = pairs.Sum(one => (one.First - meanScore) * (one.Second - meanTruth));
        var correlation = together / Math.Sqrt(scores.Sum(score => (score - meanScore) * (score - meanScore)) * truths.Sum(truth => (truth - meanTruth) * (truth - meanTruth)));
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"  {Path.GetFileName(folder)}, {title}: mean error {pairs.Average(one => Math.Abs(one.First - one.Second)):0.00} of 1…10, correlation {correlation:0.000}, {scores.Min():0.0}…{scores.Max():0.0}, {scores.Count(score => score < 4)} of {scores.Length} below 4"));
    }
}
