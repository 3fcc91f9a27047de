using System.Globalization;
using Sana.StillLife.Analysis;
using Sana.StillLife.Evaluation;

namespace TinySana.Training;

/// <summary>How often pictures show what their prompts ask for, in the categories and with the held-out combinations of the evaluation, though not its prompts.</summary>
internal static class PromptFollowing
{
    private const int Each = 16;
    private const ulong Seed = 77;

    /// <summary>Sixteen prompts of each category.</summary>
    public static IReadOnlyList<EvaluationPrompt> Prompts { get; } = EvaluationPrompts.All(Each, Seed);

    /// <summary>The share met in each category, as a line of text.</summary>
    /// <param name="pictures">One for each prompt, side × side × 3 bytes.</param>
    /// <param name="side">Pixels.</param>
    public static string Shares(IEnumerable<byte[]> pictures, int side) =>
        string.Join(", ", pictures.Zip(Prompts, (picture, prompt) => (prompt.Category, Met: prompt.IsMetBy(SceneAnalyser.Read(picture, side))))
            .GroupBy(one => one.Category, (category, all) => string.Create(CultureInfo.InvariantCulture, $"{category} {all.Average(one => one.Met ? 1.0 : 0.0):f2}")));
}
