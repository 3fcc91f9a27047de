using Sana.Local.Evaluation.Report;

namespace Sana.Local.Evaluation;

/// <summary>Best of N by CLIP score: the images of a prompt in groups of N, and of each group the one that scores highest.</summary>
internal static class BestOf
{
    private static readonly int[] Sizes = [1, 2, 4, 8];

    /// <param name="drawn">Those of one prompt together.</param>
    /// <param name="images">Of each prompt.</param>
    /// <param name="scores">Of CLIP, as many as drawn.</param>
    public static IReadOnlyList<BestOfRow> Rows(IReadOnlyList<Drawn> drawn, int images, double[] scores) =>
        [.. Sizes.Where(n => n <= images).Select(n => new BestOfRow(n, Chosen(drawn, images, scores, n)))];

    private static Figure Chosen(IReadOnlyList<Drawn> drawn, int images, double[] scores, int n)
    {
        // What is left over of a prompt's images when N does not divide them is not used.
        int[] chosen =
        [
            .. Enumerable.Range(0, drawn.Count).Chunk(images).SelectMany(prompt => prompt.Chunk(n).Where(group => group.Length == n))
                .Select(group => group.MaxBy(i => double.IsNaN(scores[i]) ? double.MinValue : scores[i])),
        ];
        return Figure.Of([.. chosen.Select(i => drawn[i].IsMet)], [.. chosen.Select(i => scores[i])]);
    }
}
