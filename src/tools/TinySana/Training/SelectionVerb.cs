using System.Globalization;
using Sana.GraphBuilder;
using Sana.Inference.Captioning;
using Sana.Inference.Clip;
using Sana.Inference.Imaging;
using Sana.StillLife;
using Sana.StillLife.Captions;
using TinySana.Torch;

namespace TinySana.Training;

/// <summary>
/// The verb <c>selection</c>: whether captions that CLIP selects teach a transformer more than those that pictures come with (SANA, arXiv:2410.10629, section 3.3, in small). Two transformers learn from
/// the same noise and the same scenes at low resolution: one from careless captions, one from these and both captioners', drawn by CLIP score.
/// </summary>
internal static class SelectionVerb
{
    private const int DefaultSteps = 1_200;
    private const int Scenes = 8_192;
    private const int Chunk = 256;

    // In the unit of the scores, of which one is a percent of cosine: a caption that is right leads one that errs by more.
    private const double Temperature = 1;

    private static readonly string Artifacts = Path.Combine("artifacts", "training");

    /// <param name="arguments">Steps of each; 1,200 if left out.</param>
    public static int Run(string[] arguments)
    {
        NativeTorch.Prepare(threads: 1);
        var steps = arguments.Length > 0 ? int.Parse(arguments[0], CultureInfo.InvariantCulture) : DefaultSteps;
        var selected = new ScoredCaptions(Temperature);
        selected.Read(Written());
        var checkpoint = Path.Combine("models", "tiny-sana");
        foreach (var (name, captions) in new (string, CaptionSource)[] { ("raw", (seed, scene, _) => Own(seed, scene)), ("selected", selected.Draw) })
        {
            Console.WriteLine($"{name} captions:");
            new TransformerTraining(checkpoint, Artifacts, LatentCode.Load(checkpoint))
            {
                Name = $"selection-{name}",
                Captions = captions,
                Stages = [new(Side: 64, Scenes, Until: steps, Batch: 64)],
                Options = new TrainingOptions { Steps = steps, BatchSize = 64, LearningRate = 2e-3, WarmUp = 100, WeightDecay = 0.01, EmaDecay = 0.99, CheckpointEvery = 400, Seed = 7 },
            }.Train();
        }

        return 0;
    }

    private static string Written()
    {
        var path = Path.Combine(Artifacts, "captions-selected.jsonl");
        if (!File.Exists(path))
            ScoredCaptions.Write(path, Everyones());
        return path;
    }

    private static IEnumerable<(ulong Seed, IEnumerable<ScoredCaptions.Candidate> Captions)> Everyones()
    {
        var clip = Path.Combine("models", "tiny-clip");
        ClipCheckpoint.Build(clip, new BuildOptions());
        using var rich = Loaded(CaptionerRecipe.Rich);
        using var terse = Loaded(CaptionerRecipe.Terse);
        using var scorer = ClipScorer.Load(clip, new ClipScorerOptions { Threads = 1, BatchSize = 64 });
        foreach (var seeds in Seeds().Chunk(Chunk))
        {
            Scene[] scenes = [.. seeds.Select(SceneGenerator.Draw)];
            RgbImage[] images = [.. scenes.Select(SceneImages.Of)];
            var said = new[] { rich, terse }.Select(captioner => captioner.Generate(images, new GenerationOptions())).ToArray();
            IReadOnlyList<string>[] texts = [.. seeds.Select((seed, i) => (IReadOnlyList<string>)[.. Own(seed, scenes[i]) is { } own ? [own] : Array.Empty<string>(), .. said.Select(answers => answers[i].Text)])];
            var scores = scorer.ScoreTexts(scorer.EmbedImages(images), texts);
            for (var i = 0; i < seeds.Length; i++)
                yield return (seeds[i], texts[i].Zip(scores[i], (text, score) => new ScoredCaptions.Candidate(text, score.Score)));
        }
    }

    private static CaptionNetwork Loaded(CaptionerRecipe recipe)
    {
        var folder = Path.Combine("models", recipe.Name);
        CaptionerCheckpoint.Build(folder, new BuildOptions());
        return CaptionNetwork.Load(folder, new CaptionNetworkOptions { Threads = 1, BatchSize = 64 });
    }

    private static IEnumerable<ulong> Seeds() => Enumerable.Range(0, Scenes).Select(i => TransformerTraining.FirstScene + (ulong)i);

    // What somebody wrote under the picture; null for nothing.
    private static string? Own(ulong seed, Scene scene) => CaptionNoise.Of(scene, new SceneRandom(~seed));
}
