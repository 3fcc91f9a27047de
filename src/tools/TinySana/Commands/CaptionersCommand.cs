using System.Globalization;
using Sana.GraphBuilder;
using Sana.Inference.Captioning;
using Sana.StillLife;
using Sana.StillLife.Captions;
using TinySana.Publishing;
using TinySana.Scenes;
using TinySana.Tokenizers;
using TinySana.Torch;
using TinySana.Training;

namespace TinySana.Commands;

/// <summary>The command <c>captioners</c>: trains the captioners, writes their checkpoints and evaluates them.</summary>
internal static class CaptionersCommand
{
    /// <param name="arguments">
    /// <c>rich</c> or <c>terse</c> for one of them; <c>--as-is</c> does not train but takes the last checkpoints of trainings that may still run.
    /// </param>
    public static int Run(string[] arguments)
    {
        NativeTorch.Prepare(threads: 1);
        foreach (var recipe in new[] { CaptionerRecipe.Rich, CaptionerRecipe.Terse }.Where(recipe => IsRequested(recipe, arguments)))
        {
            var (work, folder) = (Path.Combine("artifacts", "training", recipe.Name), Path.Combine("models", recipe.Name));
            Gpt2TokenizerTraining.Write(folder, CaptionerRecipe.Positions);
            var model = CaptionerTraining.Run(recipe, work, new Gpt2Tokenizer(folder), train: !arguments.Contains("--as-is"));
            CaptionerFolder.Write(folder, model.Network);
            Evaluate(folder, UnseenScenes.Usual(400), "new scenes");
            Evaluate(folder, UnseenScenes.HeldOutOnly(400), "held-out combinations");
        }

        return 0;
    }

    private static bool IsRequested(CaptionerRecipe recipe, string[] arguments) =>
        !arguments.Any(word => word is "rich" or "terse") || arguments.Any(word => recipe.Name.EndsWith(word, StringComparison.Ordinal));

    // Prints some captions, and the shares of true captions, of true claims and of stated facts.
    private static void Evaluate(string folder, Scene[] scenes, string title)
    {
        const int shown = 6;
        CaptionerCheckpoint.Build(folder, new BuildOptions());
        using var network = CaptionNetwork.Load(folder, new CaptionNetworkOptions { Threads = 1, BatchSize = 64 });
        string[] captions = [.. network.Generate([.. scenes.Select(ScenePictures.Render)], new GenerationOptions()).Select(caption => caption.Text)];
        CaptionVerdict[] verdicts = [.. captions.Zip(scenes, (caption, scene) => CaptionClaims.Parse(caption).Judge(scene))];
        foreach (var (caption, verdict) in captions.Zip(verdicts).Take(shown))
            Console.WriteLine($"    {(verdict.IsTrue ? "+" : "-")} {caption}");
        var claims = verdicts.Sum(one => one.True) / (double)verdicts.Sum(one => one.Claims);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"  {Path.GetFileName(folder)}, {title}: {verdicts.Average(one => one.IsTrue ? 1.0 : 0.0):p1} of {scenes.Length} captions true, {claims:p1} of claims, "
            + $"{verdicts.Average(one => one.Completeness):p1} of the facts stated"));
    }
}
