using Sana.Curation;
using Sana.Curation.Selection;
using Sana.Curation.Shards;
using Sana.Jobs.Durable;
using Sana.Jobs.Telemetry;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Curation;

/// <summary>Selects a caption for each image and writes the shard: tar, sidecars, index, what was removed and why, stats last.</summary>
internal sealed class WriteStep(IBlobs blobs, OpenDatasets datasets, StageClock clock)
{
    private static readonly string[] _curable = [Reasons.CaptionerTimeout, Reasons.CaptionerUnavailable, Reasons.CaptionerRefused, Reasons.BadAnswer, Reasons.Budget];

    public async Task<ItemCounts> Run(ShardTicket ticket, CancellationToken cancellationToken)
    {
        var timing = clock.Start();
        using var lease = await datasets.Open(ticket.Job, cancellationToken);
        var dataset = lease.Dataset;
        var (names, shard) = (dataset.Names, ticket.Shard);
        var rows = await blobs.ReadCaptioned(dataset, shard, cancellationToken);
        var scores = !dataset.IsScored ? [] : (await blobs.ReadLines(names.Scores(shard), CurateJson.Readable.ScoreLine, cancellationToken)).ToDictionary(line => line.Row);
        rows = [.. rows.Select(row => row.Status == RowStatus.Success ? Choose(dataset, row, scores.GetValueOrDefault(row.Row)) : row)];

        await WriteRemoved(names, shard, rows, cancellationToken);
        // Captions of the source beside the first have sidecars like those of captioners.
        var labels = dataset.Labels.Concat(rows.Where(row => row.Status == RowStatus.Success).SelectMany(row => row.MoreOriginals ?? [])
            .Select(caption => caption.Label).Distinct(StringComparer.OrdinalIgnoreCase).Order(StringComparer.Ordinal));
        var stats = await new ShardWriter(dataset.ShardSettings with { Labels = [.. labels] }).Write(shard, rows,
            (row, cancellation) => blobs.ReadImage(dataset, row, cancellation), blobs, $"{names.Shards}/", cancellationToken);
        foreach (var (reason, count) in stats.Reasons)
            SanaTelemetry.Items.Add(count, new("stage", "curate"), new("status", "removed"), new("reason", reason));
        SanaTelemetry.Items.Add(stats.Successes, new("stage", "curate"), new("status", RowStatus.Success), new("reason", "none"));
        await clock.Record(timing, names.Timing("write", shard), rows.Count, 0, cancellationToken);
        return Rows.Count(rows);
    }

    private static IndexRow Choose(OpenDataset dataset, IndexRow row, ScoreLine? scores)
    {
        var texts = scores?.Texts.ToDictionary(text => text.Text, StringComparer.Ordinal) ?? [];
        row = dataset.Selector.Choose(row with
        {
            Concepts = scores?.Concepts ?? [],
            Judges = scores?.Judges,
            Candidates = [.. row.Candidates.Select(candidate => candidate.Text is { } text && texts.TryGetValue(text, out var score)
                ? candidate with { Score = score.Score, WindowScore = score.WindowScore, ClipTokens = score.Tokens, ClipTruncated = score.Truncated, OtherScores = score.Others }
                : candidate)],
        });
        var unsafeConcept = dataset.Settings.Concepts.FirstOrDefault(concept => row.Concepts.Any(score => score.Name == concept.Name && score.Score >= concept.Threshold));
        if (unsafeConcept is not null)
            row = row with { Status = RowStatus.Filtered, Reason = Reasons.Unsafe, ErrorMessage = FormattableString.Invariant($"The image looks like {unsafeConcept.Name}: its score is at or above {unsafeConcept.Threshold}.") };
        else if (dataset.JudgeCards.Select(judge => judge.Fault(row.Judges?.FirstOrDefault(score => score.Label == judge.Label)?.Score)).FirstOrDefault(fault => fault is not null) is { } fault)
            row = row with { Status = RowStatus.Filtered, Reason = Reasons.JudgeScore, ErrorMessage = fault };
        if (row.Reason == Reasons.NoCaption && row.Candidates.FirstOrDefault(candidate => _curable.Contains(candidate.Reason)) is { } lost)
            row = row with { Status = RowStatus.Failed, Reason = lost.Reason, ErrorMessage = lost.Message };
        return row.Status == RowStatus.Success ? row : row with { Key = Rows.Key(row.Shard, row.Row) };
    }

    private async Task WriteRemoved(DatasetNames names, int shard, IReadOnlyList<IndexRow> rows, CancellationToken cancellationToken)
    {
        var removed = rows.Where(row => row.Status != RowStatus.Success).ToLookup(row => row.Reason!);
        foreach (var reason in removed)
            await blobs.WriteLines(names.Removed(reason.Key, shard), reason, CurationJson.Lines.IndexRow, cancellationToken);

        // A retry may have cured the last image of a reason.
        if (await blobs.Read($"{names.Shards}/{new ShardNames(shard).Stats}", cancellationToken) is { } earlier)
        {
            foreach (var cured in ShardStats.Parse(earlier).Reasons.Keys.Where(reason => !removed.Contains(reason)))
                await blobs.Put(names.Removed(cured, shard), ReadOnlyMemory<byte>.Empty, cancellationToken);
        }
    }
}
