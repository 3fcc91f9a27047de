using Sana.StillLife.Analysis;
using Sana.StillLife.Captions;

namespace Sana.Local.Evaluation.Report;

/// <summary>A line of <c>images.jsonl</c>: one image of the main set, and why it counts or does not.</summary>
/// <param name="Category">GenEval's name.</param>
/// <param name="Prompt">What was asked for.</param>
/// <param name="Image">Which of the prompt's images, from 0.</param>
/// <param name="Met">Whether it shows that.</param>
/// <param name="Seen">The objects that the analyser finds, in reading order; null where the network gave no image that can be used.</param>
internal sealed record ImageRow(string Category, string Prompt, int Image, bool Met, IReadOnlyList<SeenRow>? Seen)
{
    /// <param name="main">All images, those of one prompt together.</param>
    /// <param name="images">Of each prompt.</param>
    public static IEnumerable<ImageRow> Of(IReadOnlyList<Drawn> main, int images) =>
        main.Select((one, i) => new ImageRow(CategoryName.Of(one.Prompt.Category), one.Prompt.Text, i % images, one.IsMet, one.Seen is null ? null : [.. one.Seen.Objects.Select(SeenRow.Of)]));
}

/// <summary>One object that the analyser finds.</summary>
/// <param name="Name">Colour and shape.</param>
/// <param name="X">Its centre from the left, 0 to 1.</param>
/// <param name="Y">Its centre from the top, 0 to 1.</param>
/// <param name="Radius">0 to 1 of the picture's side.</param>
internal sealed record SeenRow(string Name, double X, double Y, double Radius)
{
    public static SeenRow Of(SeenObject one) => new($"{SceneWords.Of(one.Colour)} {SceneWords.Of(one.Shape)}", Math.Round(one.X, 3), Math.Round(one.Y, 3), Math.Round(one.Radius, 3));
}
