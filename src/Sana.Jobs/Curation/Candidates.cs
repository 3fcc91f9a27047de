using Sana.Curation;
using Sana.Curation.Captioning;
using Sana.Curation.Shards;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Curation;

/// <summary>
/// Every caption of a shard's images: those of the source first, then those of each captioner in the configuration's order, the same text only once.
/// </summary>
internal static class Candidates
{
    /// <summary>The shard's rows, each that goes on with its candidates.</summary>
    public static async Task<IReadOnlyList<IndexRow>> ReadCaptioned(this IBlobs blobs, OpenDataset dataset, int shard, CancellationToken cancellationToken)
    {
        var rows = await blobs.ReadLines(dataset.Names.Linked(shard), CurationJson.Lines.IndexRow, cancellationToken);
        var said = new List<Dictionary<int, Candidate>>();
        foreach (var label in dataset.Labels)
        {
            var lines = await blobs.ReadLines(dataset.Names.Captions(shard, label), CurateJson.Readable.CaptionLine, cancellationToken);
            said.Add(lines.ToDictionary(line => line.Row, line => line.Candidate));
        }

        return [.. rows.Select(row => row.Status == RowStatus.Success ? With(dataset, row, said.Select(of => of[row.Row])) : row)];
    }

    private static IndexRow With(OpenDataset dataset, IndexRow row, IEnumerable<Candidate> said)
    {
        var all = said.Select(candidate => Judged(dataset, candidate)).ToList();
        var originals = (row.MoreOriginals ?? []).Select(caption => (caption.Label, caption.Text));
        if (row.Original is { Length: > 0 } original)
            originals = originals.Prepend((Candidate.OriginalLabel, original));
        all.InsertRange(0, originals.Select(caption => Judged(dataset, new Candidate
        {
            Label = caption.Label,
            Text = caption.Text,
            TextRaw = caption.Text,
            Words = caption.Text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Length,
            Licence = row.Licence,
        })));
        return row with { Candidates = CandidateDuplicates.Mark(all), CandidatesExpected = all.Count };
    }

    private static Candidate Judged(OpenDataset dataset, Candidate candidate) => candidate.Text is { } text && dataset.Settings.Filters.Judge(text) is { } verdict
        ? candidate with { Text = null, Words = 0, TextRaw = candidate.TextRaw ?? text, Reason = verdict.Reason, Message = verdict.Message }
        : candidate;
}
