using System.Globalization;
using Sana.Curation;
using Sana.Curation.Ingest;
using Sana.Curation.Shards;
using Sana.Jobs.Durable;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Curation;

/// <summary>Links images that are there twice to the first of them, over all shards in their order: they are neither captioned nor written again.</summary>
internal sealed class LinkStep(IBlobs blobs, OpenDatasets datasets)
{
    public async Task<ItemCounts> Run(DatasetTicket ticket, CancellationToken cancellationToken)
    {
        using var lease = await datasets.Open(ticket.Job, cancellationToken);
        var dataset = lease.Dataset;
        var duplicates = new Duplicates(dataset.Settings.Duplicates);
        var counts = await EachShard(ticket.Shards, dataset.Names, from: dataset.Names.Ingested, row => Link(row, duplicates), cancellationToken);

        // What turned out to be a placeholder was taken for an image when it first came.
        var suspects = duplicates.SuspectedFirsts.ToDictionary(verdict => verdict.Of, StringComparer.Ordinal);
        return suspects.Count == 0 ? counts : await EachShard(ticket.Shards, dataset.Names, from: dataset.Names.Linked, row => Suspect(row, suspects), cancellationToken);
    }

    private async Task<ItemCounts> EachShard(int shards, DatasetNames names, Func<int, string> from, Func<IndexRow, IndexRow> change, CancellationToken cancellationToken)
    {
        var counts = ItemCounts.None;
        for (var shard = 0; shard < shards; shard++)
        {
            var rows = await blobs.ReadLines(from(shard), CurationJson.Lines.IndexRow, cancellationToken);
            for (var i = 0; i < rows.Count; i++)
            {
                if (rows[i].Status == RowStatus.Success)
                    rows[i] = change(rows[i]);
            }

            await blobs.WriteLines(names.Linked(shard), rows, CurationJson.Lines.IndexRow, cancellationToken);
            counts = counts.Plus(Rows.Count(rows));
        }

        return counts;
    }

    private static IndexRow Link(IndexRow row, Duplicates duplicates) =>
        duplicates.Add(row.Sha256!, ulong.Parse(row.Phash!, NumberStyles.HexNumber, CultureInfo.InvariantCulture), row.Key) is { } verdict
            ? Removed(row, verdict.Reason == Reasons.PlaceholderSuspect ? RowStatus.Filtered : RowStatus.Duplicate, verdict) with { DuplicateOf = verdict.Of }
            : row;

    private static IndexRow Suspect(IndexRow row, Dictionary<string, DuplicateVerdict> suspects) =>
        suspects.TryGetValue(row.Key, out var verdict) ? Removed(row, RowStatus.Filtered, verdict) : row;

    private static IndexRow Removed(IndexRow row, string status, DuplicateVerdict verdict) =>
        row with { Key = Rows.Key(row.Shard, row.Row), Status = status, Reason = verdict.Reason, ErrorMessage = verdict.Message };
}
