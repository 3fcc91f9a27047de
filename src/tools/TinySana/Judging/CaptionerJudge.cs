using System.Globalization;
using Sana.GraphBuilder;
using Sana.Inference.Captioning;
using Sana.StillLife;
using Sana.StillLife.Captions;
using TinySana.Training;

namespace TinySana.Judging;

/// <summary>How true the captions of a checkpoint are, by the graphs that everybody runs.</summary>
internal static class CaptionerJudge
{
    private const int Shown = 6;

    /// <summary>Prints the share of captions that are wholly true, of claims that are true, and of the scenes' facts that are stated.</summary>
    /// <param name="folder">The checkpoint.</param>
    /// <param name="scenes">None of them seen in training.</param>
    /// <param name="title">What scenes these are.</param>
    public static void Report(string folder, IReadOnlyList<Scene> scenes, string title)
    {
        CaptionerCheckpoint.Build(folder, new BuildOptions());
        using var network = CaptionNetwork.Load(folder, new CaptionNetworkOptions { Threads = 1, BatchSize = 64 });
        string[] captions = [.. network.Generate([.. scenes.Select(SceneImages.Of)], new GenerationOptions()).Select(caption => caption.Text)];
        CaptionVerdict[] verdicts = [.. captions.Zip(scenes, (caption, scene) => CaptionClaims.Parse(caption).Judge(scene))];
        foreach (var (caption, verdict) in captions.Zip(verdicts).Take(Shown))
            Console.WriteLine($"    {(verdict.IsTrue ? "+" : "-")} {caption}");
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"  {Path.GetFileName(folder)}, {title}: {verdicts.Average(one => one.IsTrue ? 1.0 : 0.0):p1} of {scenes.Count} captions true, {verdicts.Sum(one => one.True) / (double)verdicts.Sum(one => one.Claims):p1} of claims, {verdicts.Average(one => one.Completeness):p1} of the facts stated"));
    }
}
