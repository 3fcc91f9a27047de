using Sana.StillLife.Analysis;

namespace Sana.StillLife.Evaluation;

/// <summary>A prompt with what a picture must show.</summary>
/// <param name="Category">What it tests.</param>
/// <param name="Text">The prompt.</param>
/// <param name="Scene">A scene of which it is true.</param>
public sealed record EvaluationPrompt(PromptCategory Category, string Text, Scene Scene)
{
    // GenEval's: objects whose centres differ by less than this part of their widths together stand neither way.
    private const double Slack = 0.1;

    /// <summary>
    /// Whether a picture shows it, as GenEval judges: what is asked for must be there, more may be; only a count must be exact. A relation is read from the first of each shape that fits best.
    /// </summary>
    public bool IsMetBy(SeenScene seen)
    {
        ArgumentNullException.ThrowIfNull(seen);
        var objects = Scene.Objects;
        return Category switch
        {
            PromptCategory.Counting => seen.Count(objects[0].Shape) == objects.Count,
            PromptCategory.Colours => seen.Count(objects[0].Shape, objects[0].Colour) > 0,
            PromptCategory.AttributeBinding => HasEach(seen, one => (one.Shape, one.Colour), one => (one.Shape, one.Colour)),
            PromptCategory.Position => HasEach(seen, one => one.Shape, one => one.Shape) && IsAsSaid(Best(seen, objects[0].Shape), Best(seen, objects[1].Shape)),
            _ => HasEach(seen, one => one.Shape, one => one.Shape),
        };
    }

    private bool HasEach<T>(SeenScene seen, Func<SceneObject, T> asked, Func<SeenObject, T> found)
        where T : notnull => Scene.Objects.GroupBy(asked).All(group => seen.Objects.Count(one => found(one).Equals(group.Key)) >= group.Count());

    private static SeenObject Best(SeenScene seen, Shape shape) => seen.Objects.Where(one => one.Shape == shape).MaxBy(one => one.Confidence)!;

    // More apart the one way than the other, and by more than the slack.
    private bool IsAsSaid(SeenObject first, SeenObject second)
    {
        var (right, down, slack) = (second.X - first.X, second.Y - first.Y, Slack * 2 * (first.Radius + second.Radius));
        var apart = Math.Sqrt((right * right) + (down * down));
        return Scene.Arrangement == Arrangement.SideBySide ? right - slack > 0.5 * apart : down - slack > 0.5 * apart;
    }
}
