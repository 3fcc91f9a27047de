using Sana.Curation;

namespace Sana.Local.Demo;

/// <summary>How often the captions of one source are there and wholly true.</summary>
/// <param name="Title">Whose captions.</param>
/// <param name="Share">0 to 1 of all images.</param>
/// <param name="IsChosen">Whether these are the selected ones.</param>
internal sealed record CaptionTruth(string Title, double Share, bool IsChosen)
{
    /// <summary>Each source in turn, the selection last.</summary>
    public static IReadOnlyList<CaptionTruth> Of(IReadOnlyList<DemoCaptions> rows)
    {
        var labels = rows.SelectMany(row => row.Row.Candidates).Select(one => one.Label).Distinct().Order(StringComparer.Ordinal);
        return
        [
            .. labels.Select(label => new CaptionTruth(TitleOf(label), ShareOf(rows, row => row.Row.Candidates.FirstOrDefault(one => one.Label == label)?.Text), IsChosen: false)),
            new CaptionTruth("chosen by CLIP score", ShareOf(rows, row => row.Row.Caption), IsChosen: true),
        ];
    }

    public static string TitleOf(string label) => label == Candidate.OriginalLabel ? "came with the image" : $"captioner \"{label}\"";

    private static double ShareOf(IReadOnlyList<DemoCaptions> rows, Func<DemoCaptions, string?> caption) => rows.Count == 0 ? 0 : (double)rows.Count(row => row.IsTrue(caption(row))) / rows.Count;
}
