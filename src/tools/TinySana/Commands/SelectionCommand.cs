using System.Globalization;
using System.Text.Json;
using Sana.GraphBuilder;
using Sana.Inference.Captioning;
using Sana.Inference.Clip;
using Sana.Inference.Imaging;
using Sana.StillLife;
using Sana.StillLife.Captions;
using TinySana.Scenes;
using TinySana.Torch;
using TinySana.Training;

namespace TinySana.Commands;

/// <summary>
/// The command <c>selection</c>: tests whether selection of captions by CLIP score (Sana, arXiv:2410.10629, section 3.3) improves a transformer.
/// It trains two transformers on the same noise and the same scenes at low resolution: one on careless captions, one on these and the captions of both
/// captioners, drawn by CLIP score.
/// </summary>
internal static class SelectionCommand
{
    private const int DefaultSteps = 1_200;
    private const int Scenes = 8_192;
    private const int Chunk = 256;

    // In the unit of the scores, which are 100 times the cosine. A true caption scores more than 1 above a false one.
    private const double Temperature = 1;

    private static readonly string Artifacts = Path.Combine("artifacts", "training");

    /// <param name="arguments">Steps of each training; 1,200 by default.</param>
    public static int Run(string[] arguments)
    {
        NativeTorch.Prepare(threads: 1);
        var steps = arguments.Length > 0 ? int.Parse(arguments[0], CultureInfo.InvariantCulture) : DefaultSteps;
        var file = Path.Combine(Artifacts, "captions-selected.jsonl");
        if (!File.Exists(file))
            ScoredCaptions.Write(file, ScoreAll());
        var selected = ScoredCaptions.Load(file, Temperature);
        var checkpoint = Path.Combine("models", "tiny-sana");
        foreach (var (name, captions) in new (string, CaptionSource)[] { ("raw", (seed, scene, _) => CarelessCaption(seed, scene)), ("selected", selected.Draw) })
        {
            Console.WriteLine($"{name} captions:");
            new TransformerTraining(checkpoint, Artifacts, FrozenAutoencoder.Load(checkpoint))
            {
                Name = $"selection-{name}",
                Captions = captions,
                Stages = [new(Side: 64, Scenes, Until: steps, Batch: 64)],
                Options = new TrainingOptions { Steps = steps, BatchSize = 64, LearningRate = 2e-3, WarmUp = 100, WeightDecay = 0.01, EmaDecay = 0.99, CheckpointEvery = 400, Seed = 7 },
            }.Train();
        }

        return 0;
    }

    // The careless caption and both captioners' captions of each scene, with their scores.
    private static IEnumerable<SceneCaptions> ScoreAll()
    {
        var clip = Path.Combine("models", "tiny-clip");
        ClipCheckpoint.Build(clip, new BuildOptions());
        using var rich = LoadCaptioner(CaptionerRecipe.Rich);
        using var terse = LoadCaptioner(CaptionerRecipe.Terse);
        using var scorer = ClipScorer.Load(clip, new ClipScorerOptions { Threads = 1, BatchSize = 64 });
        foreach (var seeds in Enumerable.Range(0, Scenes).Select(i => TransformerTraining.FirstScene + (ulong)i).Chunk(Chunk))
        {
            Scene[] scenes = [.. seeds.Select(SceneGenerator.Draw)];
            RgbImage[] images = [.. scenes.Select(ScenePictures.Render)];
            var generated = new[] { rich, terse }.Select(captioner => captioner.Generate(images, new GenerationOptions())).ToArray();
            IReadOnlyList<string>[] texts =
            [
                .. seeds.Select((seed, i) => (IReadOnlyList<string>)
                    [.. CarelessCaption(seed, scenes[i]) is { } careless ? [careless] : Array.Empty<string>(), .. generated.Select(captions => captions[i].Text)]),
            ];
            var scores = scorer.ScoreTexts(scorer.EmbedImages(images), texts);
            for (var i = 0; i < seeds.Length; i++)
                yield return new(seeds[i], [.. texts[i].Zip(scores[i], (text, score) => new CaptionWithScore(text, score.Score))]);
        }
    }

    private static CaptionNetwork LoadCaptioner(CaptionerRecipe recipe)
    {
        var folder = Path.Combine("models", recipe.Name);
        CaptionerCheckpoint.Build(folder, new BuildOptions());
        return CaptionNetwork.Load(folder, new CaptionNetworkOptions { Threads = 1, BatchSize = 64 });
    }

    private static string? CarelessCaption(ulong seed, Scene scene) => CaptionNoise.Write(scene, new SceneRandom(~seed));
}

/// <summary>The captions of a scene.</summary>
/// <param name="Seed">The seed of the scene.</param>
/// <param name="Captions">Its captions.</param>
internal sealed record SceneCaptions(ulong Seed, CaptionWithScore[] Captions);

/// <summary>A caption and how well it fits the picture.</summary>
/// <param name="Text">The caption.</param>
/// <param name="Score">Its CLIP score.</param>
internal sealed record CaptionWithScore(string Text, double Score);

/// <summary>
/// Draws one of several captions of a scene, with probabilities proportional to exp(score / τ) (Sana, arXiv:2410.10629, section 3.3).
/// With τ = 0 it draws the best one.
/// </summary>
internal sealed class ScoredCaptions
{
    private readonly Dictionary<ulong, CaptionWithScore[]> _scenes;
    private readonly double _temperature;

    private ScoredCaptions(Dictionary<ulong, CaptionWithScore[]> scenes, double temperature) => (_scenes, _temperature) = (scenes, temperature);

    /// <summary>Writes a file with a line for each scene: <c>{"seed": 1, "captions": [{"text": "a star", "score": 27.1}]}</c>.</summary>
    public static void Write(string path, IEnumerable<SceneCaptions> scenes)
    {
        File.WriteAllLines(path + ".part", scenes.Select(scene => JsonSerializer.Serialize(scene, JsonSerializerOptions.Web)));
        File.Move(path + ".part", path, overwrite: true);
    }

    /// <summary>Reads a file that <see cref="Write"/> has written.</summary>
    /// <param name="path">The file.</param>
    /// <param name="temperature">τ, 0 or more, in the unit of the scores.</param>
    public static ScoredCaptions Load(string path, double temperature) =>
        new(File.ReadLines(path).Select(line => JsonSerializer.Deserialize<SceneCaptions>(line, JsonSerializerOptions.Web)!).ToDictionary(scene => scene.Seed, scene => scene.Captions), temperature);

    /// <summary>A <see cref="CaptionSource"/>; null for a scene without captions.</summary>
    public string? Draw(ulong seed, Scene scene, SceneRandom random)
    {
        if (!_scenes.TryGetValue(seed, out var captions) || captions.Length == 0)
            return null;
        var best = captions.Max(one => one.Score);
        double[] weights = [.. captions.Select(one => one.Score == best ? 1 : Math.Exp((one.Score - best) / _temperature))];
        var left = random.Unit() * weights.Sum();
        return captions[Math.Max(0, Array.FindIndex(weights, weight => (left -= weight) < 0))].Text;
    }
}
