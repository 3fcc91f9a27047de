using Sana.GraphBuilder;
using Sana.Inference.Captioning;
using Sana.StillLife;
using Sana.StillLife.Captions;
using TinySana.Training;

namespace TinySana.Judging;

/// <summary>How true the captions of a checkpoint are, by the graphs that everybody runs.</summary>
internal static class CaptionerJudge
{
    /// <summary>Prints the share of captions without a fault, and of claims that are right, by kind.</summary>
    /// <param name="folder">The checkpoint.</param>
    /// <param name="scenes">None of them seen in training.</param>
    /// <param name="title">What scenes these are.</param>
    public static void Report(string folder, IReadOnlyList<Scene> scenes, string title)
    {
        CaptionerCheckpoint.Build(folder, new BuildOptions());
        using var network = CaptionNetwork.Load(folder, new CaptionerOptions { Threads = 1, BatchSize = 64 });
        var captions = network.Generate([.. scenes.Select(SceneImages.Of)], new GenerationOptions());
        var (exact, claims, right) = (0, new Dictionary<string, int>(), new Dictionary<string, int>());
        for (var i = 0; i < scenes.Count; i++)
        {
            var truth = CaptionGrammar.Describe(scenes[i], RichnessOf(captions[i].Text));
            exact += captions[i].Text == truth ? 1 : 0;
            foreach (var kind in CaptionClaims.Of(truth).GroupBy(claim => claim.Kind))
            {
                string[] said = [.. CaptionClaims.Of(captions[i].Text).Where(claim => claim.Kind == kind.Key).Select(claim => claim.Word)];
                claims[kind.Key] = claims.GetValueOrDefault(kind.Key) + kind.Count();
                right[kind.Key] = right.GetValueOrDefault(kind.Key) + kind.Zip(said).Count(pair => pair.First.Word == pair.Second);
            }

            if (i < 6)
                Console.WriteLine($"    {(captions[i].Text == truth ? "+" : "-")} {captions[i].Text}{(captions[i].Text == truth ? "" : $"   [{truth}]")}");
        }

        var all = right.Values.Sum() / (double)claims.Values.Sum();
        Console.WriteLine(
            $"  {Path.GetFileName(folder)}, {title}: {exact / (double)scenes.Count:P1} of {scenes.Count} captions without a fault, {all:P1} of claims right: "
            + string.Join(", ", claims.Select(kind => $"{kind.Key} {right[kind.Key] / (double)kind.Value:P1}")));
    }

    // The stronger captioner says how things stand, the weaker one gives keywords.
    private static Richness RichnessOf(string caption) =>
        caption.EndsWith(" background", StringComparison.Ordinal) ? Richness.Rich
        : CaptionClaims.Of(caption).Any(claim => claim.Kind is "place" or "relation") ? Richness.Placed
        : Richness.Terse;
}
