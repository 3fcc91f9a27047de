using Sana.StillLife.Captions;

namespace Sana.StillLife.Evaluation;

/// <summary>Seeded prompts of combinations that no training scene shows: each breaks the rule of <see cref="HeldOut"/> that its category is about, and no other.</summary>
public static class EvaluationPrompts
{
    /// <summary>The prompts of a category. No two are the same as long as there are as many.</summary>
    /// <param name="category">What they test.</param>
    /// <param name="count">How many, 1 or more.</param>
    /// <param name="seed">Another seed gives other prompts.</param>
    public static IReadOnlyList<EvaluationPrompt> Of(PromptCategory category, int count, ulong seed)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        var random = new SceneRandom(seed ^ (0x5CE7E5UL * (1 + (ulong)category)));
        var prompts = new List<EvaluationPrompt>();
        var said = new HashSet<string>(StringComparer.Ordinal);
        // A category can have fewer different prompts than are asked for: then they come again, with other scenes.
        for (var misses = 0; prompts.Count < count;)
        {
            var scene = Draw(category, random);
            var text = CaptionGrammar.Describe(scene, RichnessOf(category, scene));
            if (!said.Add(text) && ++misses < 50 * count)
                continue;
            prompts.Add(new(category, text, scene));
        }

        return prompts;
    }

    /// <summary>The prompts of all categories, in their order.</summary>
    /// <param name="countEach">How many of each, 1 or more.</param>
    /// <param name="seed">Another seed gives other prompts.</param>
    public static IReadOnlyList<EvaluationPrompt> All(int countEach, ulong seed) => [.. Enum.GetValues<PromptCategory>().SelectMany(category => Of(category, countEach, seed))];

    private static Richness RichnessOf(PromptCategory category, Scene scene) => category switch
    {
        // The size is said in rich captions alone.
        PromptCategory.SingleObject => HeldOut.Sized(scene.Objects[0].Shape, scene.Objects[0].Size) ? Richness.Rich : Richness.Placed,
        PromptCategory.Position => Richness.Placed,
        _ => Richness.Plain,
    };

    private static Scene Draw(PromptCategory category, SceneRandom random)
    {
        while (true)
        {
            var scene = SceneGenerator.Draw(ArrangementOf(category, random), random);
            if (Broken(scene).SequenceEqual([category]) && scene.Objects.DistinctBy(one => one.Shape).Count() == (scene.IsPair ? 2 : 1))
                return scene;
        }
    }

    private static Arrangement ArrangementOf(PromptCategory category, SceneRandom random) => category switch
    {
        PromptCategory.SingleObject or PromptCategory.Colours => Arrangement.Alone,
        PromptCategory.Counting => Arrangement.Group,
        _ => random.Chance(0.5) ? Arrangement.SideBySide : Arrangement.Stacked,
    };

    // The categories whose combinations a scene shows.
    private static IEnumerable<PromptCategory> Broken(Scene scene)
    {
        var (first, last) = (scene.Objects[0], scene.Objects[^1]);
        if (scene.Arrangement == Arrangement.Alone && (HeldOut.Placed(first.Shape, first.Place) || HeldOut.Sized(first.Shape, first.Size)))
            yield return PromptCategory.SingleObject;
        if (scene.IsPair && HeldOut.Together(first.Shape, last.Shape))
            yield return PromptCategory.TwoObjects;
        if (scene.Arrangement == Arrangement.Group && HeldOut.Count(scene.Objects.Count, first.Shape))
            yield return PromptCategory.Counting;
        if (scene.Objects.Any(one => HeldOut.Kind(one.Shape, one.Colour)))
            yield return PromptCategory.Colours;
        if (scene.IsPair && HeldOut.Ordered(scene.Arrangement, first.Shape, last.Shape))
            yield return PromptCategory.Position;
        if (scene.IsPair && HeldOut.Bound(first, last))
            yield return PromptCategory.AttributeBinding;
    }
}
