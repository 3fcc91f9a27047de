using Sana.Curation.Shards;

namespace Sana.Curation.Report;

/// <summary>A row as the page keeps it: texts no longer than anybody reads on a page, so that rows with megabytes of text cost no memory.</summary>
internal static class ShownRow
{
    /// <summary>Letters of a caption.</summary>
    public const int CaptionLimit = 2_000;

    /// <summary>Letters of a sentence, a model's name, a code.</summary>
    public const int LineLimit = 300;

    private const int CandidateLimit = 64;
    private const int CodeLimit = 24;

    public static IndexRow Of(IndexRow row) => row with
    {
        ErrorMessage = PlainText.Cut(row.ErrorMessage, LineLimit),
        Original = null,
        Caption = null,
        Licence = PlainText.Cut(row.Licence, LineLimit),
        Notes = Codes(row.Notes),
        Concepts = [],
        Candidates = [.. row.Candidates.Where((candidate, place) => place < CandidateLimit || candidate.Label == row.CaptionLabel).Select(Of)],
    };

    private static Candidate Of(Candidate candidate) => candidate with
    {
        Text = PlainText.Cut(candidate.Text, CaptionLimit),
        TextRaw = candidate.Text is null ? PlainText.Cut(candidate.TextRaw, CaptionLimit) : null,
        Model = PlainText.Cut(candidate.Model, LineLimit),
        Message = PlainText.Cut(candidate.Message, LineLimit),
        Flags = Codes(candidate.Flags),
    };

    private static IReadOnlyList<string> Codes(IReadOnlyList<string> codes) => [.. codes.Take(CodeLimit).Select(code => PlainText.Cut(code, 80)!)];
}
