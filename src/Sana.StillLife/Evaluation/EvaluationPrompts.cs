using Sana.StillLife.Analysis;
using Sana.StillLife.Captions;

namespace Sana.StillLife.Evaluation;

/// <summary>
/// Draws prompts for combinations that no training scene shows: each is held out by the rule of <see cref="HeldOut"/> for its category and by no other rule.
/// </summary>
public static class EvaluationPrompts
{
    /// <summary>The prompts of a category, all different if the category has that many.</summary>
    /// <param name="category">What they test.</param>
    /// <param name="count">How many, 1 or more.</param>
    /// <param name="seed">Another seed gives other prompts.</param>
    public static IReadOnlyList<EvaluationPrompt> Draw(PromptCategory category, int count, ulong seed)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        var random = new SceneRandom(seed ^ (0x5CE7E5UL * (1 + (ulong)category)));
        var prompts = new List<EvaluationPrompt>();
        var said = new HashSet<string>(StringComparer.Ordinal);
        // A category can have fewer different prompts than requested. Then they repeat with other scenes.
        for (var misses = 0; prompts.Count < count;)
        {
            var scene = DrawScene(category, random);
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
    public static IReadOnlyList<EvaluationPrompt> All(int countEach, ulong seed) => [.. Enum.GetValues<PromptCategory>().SelectMany(category => Draw(category, countEach, seed))];

    private static Richness RichnessOf(PromptCategory category, Scene scene) => category switch
    {
        // Only rich captions state the size.
        PromptCategory.SingleObject => HeldOut.Sized(scene.Objects[0].Shape, scene.Objects[0].Size) ? Richness.Rich : Richness.Placed,
        PromptCategory.Position => Richness.Placed,
        _ => Richness.Plain,
    };

    private static Scene DrawScene(PromptCategory category, SceneRandom random)
    {
        while (true)
        {
            var scene = SceneGenerator.Draw(ArrangementOf(category, random), random);
            if (HeldOutCategories(scene).SequenceEqual([category]) && scene.Objects.DistinctBy(one => one.Shape).Count() == (scene.IsPair ? 2 : 1))
                return scene;
        }
    }

    private static Arrangement ArrangementOf(PromptCategory category, SceneRandom random) => category switch
    {
        PromptCategory.SingleObject or PromptCategory.Colours => Arrangement.Alone,
        PromptCategory.Counting => Arrangement.Group,
        _ => random.Chance(0.5) ? Arrangement.SideBySide : Arrangement.Stacked,
    };

    // The categories whose held-out combinations a scene shows.
    private static IEnumerable<PromptCategory> HeldOutCategories(Scene scene)
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

/// <summary>A prompt and what a picture must show for it.</summary>
/// <param name="Category">What it tests.</param>
/// <param name="Text">The prompt.</param>
/// <param name="Scene">A scene of which it is true.</param>
public sealed record EvaluationPrompt(PromptCategory Category, string Text, Scene Scene)
{
    // From GenEval: two objects have no relation in a direction if their centres differ by less than this share of their summed widths.
    private const double Slack = 0.1;

    /// <summary>
    /// Whether a picture shows what the prompt asks for, by GenEval's rules: further objects are allowed, except where a number is asked for.
    /// Relations are read from the object of each shape with the highest confidence.
    /// </summary>
    public bool IsMetBy(SeenScene seen)
    {
        ArgumentNullException.ThrowIfNull(seen);
        var objects = Scene.Objects;
        return Category switch
        {
            PromptCategory.Counting => seen.Count(objects[0].Shape) == objects.Count,
            PromptCategory.Colours => seen.Count(objects[0].Shape, objects[0].Colour) > 0,
            PromptCategory.AttributeBinding => HasEach(seen, withColours: true),
            PromptCategory.Position => HasEach(seen) && HasRelation(Best(seen, objects[0].Shape), Best(seen, objects[1].Shape)),
            _ => HasEach(seen),
        };
    }

    private bool HasEach(SeenScene seen, bool withColours = false) =>
        Scene.Objects.GroupBy(one => (one.Shape, Colour: withColours ? one.Colour : (Colour?)null)).All(group => seen.Count(group.Key.Shape, group.Key.Colour) >= group.Count());

    private static SeenObject Best(SeenScene seen, Shape shape) => seen.Objects.Where(one => one.Shape == shape).MaxBy(one => one.Confidence)!;

    // GenEval: the distance in the direction, less the slack, must exceed half the whole distance.
    private bool HasRelation(SeenObject first, SeenObject second)
    {
        var (right, down, slack) = (second.X - first.X, second.Y - first.Y, Slack * 2 * (first.Radius + second.Radius));
        var apart = Math.Sqrt((right * right) + (down * down));
        return Scene.Arrangement == Arrangement.SideBySide ? right - slack > 0.5 * apart : down - slack > 0.5 * apart;
    }
}

/// <summary>What a prompt tests: the six tasks of GenEval (arXiv:2310.11513), applied to still lifes.</summary>
public enum PromptCategory
{
    /// <summary>One object: the picture must show the shape. In training the shape never had this size, or never this place.</summary>
    SingleObject,

    /// <summary>Two objects: the picture must show both shapes. In training they were never in one scene.</summary>
    TwoObjects,

    /// <summary>Two to four equal objects: the picture must show exactly that many. In training the shape never came in that number.</summary>
    Counting,

    /// <summary>One object: the picture must show the shape in the colour. In training the shape never had that colour.</summary>
    Colours,

    /// <summary>Two objects: the picture must show both shapes in the stated relation. In training they never had this order.</summary>
    Position,

    /// <summary>Two objects: the picture must show both shapes, each in its colour. In training the two were never in one scene.</summary>
    AttributeBinding,
}
