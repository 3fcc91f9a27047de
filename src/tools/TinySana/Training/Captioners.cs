using TinySana.Judging;
using TinySana.Publishing;
using TinySana.Tokenizers;
using TinySana.Torch;

namespace TinySana.Training;

/// <summary>The verb <c>captioners</c>: trains what is not trained yet, writes the checkpoints and judges them.</summary>
internal static class Captioners
{
    /// <param name="arguments"><c>rich</c> or <c>terse</c> for one alone; <c>--as-is</c> takes the last checkpoints of trainings that go on elsewhere.</param>
    public static int Run(string[] arguments)
    {
        NativeTorch.Prepare(threads: 1);
        foreach (var recipe in new[] { CaptionerRecipe.Rich, CaptionerRecipe.Terse }.Where(recipe => IsAsked(recipe, arguments)))
        {
            var (work, folder) = (Path.Combine("artifacts", "training", recipe.Name), Path.Combine("models", recipe.Name));
            Gpt2TokenizerTraining.Write(folder, CaptionerRecipe.Positions);
            var learner = CaptionerTraining.Run(recipe, work, new Gpt2Tokenizer(folder), train: !arguments.Contains("--as-is"));
            CaptionerFolder.Write(folder, learner.Network);
            CaptionerJudge.Report(folder, UnseenScenes.Usual(400), "new scenes");
            CaptionerJudge.Report(folder, UnseenScenes.HeldOutOnly(400), "held-out combinations");
        }

        return 0;
    }

    private static bool IsAsked(CaptionerRecipe recipe, string[] arguments) =>
        !arguments.Any(word => word is "rich" or "terse") || arguments.Any(word => recipe.Name.EndsWith(word, StringComparison.Ordinal));
}
