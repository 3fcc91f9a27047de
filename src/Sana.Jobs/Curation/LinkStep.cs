using System.Globalization;
using System.Text.Json;
using Sana.Curation;
using Sana.Curation.Ingest;
using Sana.Curation.Shards;
using Sana.Jobs.Durable;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Curation;

/// <summary>
/// Links images that are there twice to the first of them, over all shards in their order: they are neither captioned nor written again, and their captions
/// go to the first as candidates. Then it is known what the source has.
/// </summary>
internal sealed class LinkStep(IBlobs blobs, OpenDatasets datasets)
{
    public async Task<ItemCounts> Run(DatasetTicket ticket, CancellationToken cancellationToken)
    {
        using var lease = await datasets.Open(ticket.Job, cancellationToken);
        var dataset = lease.Dataset;
        var (duplicates, given) = (new Duplicates(dataset.Settings.Duplicates), new Dictionary<string, List<string>>(StringComparer.Ordinal));
        var (counts, seen) = (ItemCounts.None, new SourceCount());
        counts = await EachShard(ticket.Shards, dataset.Names, from: dataset.Names.Ingested, row => seen.Add(Link(row, duplicates, given)), cancellationToken);

        // What turned out to be a placeholder was taken for an image when it first came; and the first of several gets what is said of the others.
        var suspects = duplicates.SuspectedFirsts.ToDictionary(verdict => verdict.Of, StringComparer.Ordinal);
        if (suspects.Count > 0 || given.Count > 0)
        {
            seen = new SourceCount();
            counts = await EachShard(ticket.Shards, dataset.Names, from: dataset.Names.Linked,
                row => seen.Add(Given(Suspect(row, suspects), given, dataset.Labels)), cancellationToken);
        }

        await Count(dataset.Names, seen, cancellationToken);
        return counts;
    }

    private async Task Count(DatasetNames names, SourceCount seen, CancellationToken cancellationToken)
    {
        if (await blobs.Read(names.Source, cancellationToken) is not { } bytes)
            return;
        var facts = JsonSerializer.Deserialize(bytes, CurateJson.Readable.SourceFacts)! with
        {
            Images = seen.Images,
            Captions = seen.Captions,
            Edited = seen.Edited
        };
        await blobs.Put(names.Source, JsonSerializer.SerializeToUtf8Bytes(facts, CurateJson.Readable.SourceFacts), cancellationToken);
    }

    private async Task<ItemCounts> EachShard(int shards, DatasetNames names, Func<int, string> from, Func<IndexRow, IndexRow> change, CancellationToken cancellationToken)
    {
        var counts = ItemCounts.None;
        for (var shard = 0; shard < shards; shard++)
        {
            var rows = await blobs.ReadLines(from(shard), CurationJson.Lines.IndexRow, cancellationToken);
            for (var i = 0; i < rows.Count; i++)
            {
                rows[i] = change(rows[i]);
            }

            await blobs.WriteLines(names.Linked(shard), rows, CurationJson.Lines.IndexRow, cancellationToken);
            counts = counts.Plus(Rows.Count(rows));
        }

        return counts;
    }

    private static IndexRow Link(IndexRow row, Duplicates duplicates, Dictionary<string, List<string>> given)
    {
        if (row.Status != RowStatus.Success
            || duplicates.Add(row.Sha256!, ulong.Parse(row.Phash!, NumberStyles.HexNumber, CultureInfo.InvariantCulture), row.Key,
                Colours(row)) is not { } verdict)
            return row;
        if (verdict.Reason == Reasons.PlaceholderSuspect)
            return Removed(row, RowStatus.Filtered, verdict) with { DuplicateOf = verdict.Of };
        if (!given.TryGetValue(verdict.Of, out var captions))
            captions = [];
        captions.AddRange(SourceLabels.All(row));
        if (captions.Count > 0)
            given[verdict.Of] = captions;
        return Removed(row, RowStatus.Duplicate, verdict) with { DuplicateOf = verdict.Of };
    }

    private static UInt128? Colours(IndexRow row) => row.Colours is { } colours ? UInt128.Parse(colours, NumberStyles.HexNumber,
        CultureInfo.InvariantCulture) : null;

    private static IndexRow Given(IndexRow row, Dictionary<string, List<string>> given, IReadOnlyList<string> captioners) =>
        row.Status == RowStatus.Success && given.TryGetValue(row.Key, out var captions) ? SourceLabels.Add(row, captions, captioners) : row;

    private static IndexRow Suspect(IndexRow row, Dictionary<string, DuplicateVerdict> suspects) =>
        row.Status == RowStatus.Success && suspects.TryGetValue(row.Key, out var verdict) ? Removed(row, RowStatus.Filtered, verdict) : row;

    private static IndexRow Removed(IndexRow row, string status, DuplicateVerdict verdict) =>
        row with { Key = Rows.Key(row.Shard, row.Row), Status = status, Reason = verdict.Reason, ErrorMessage = verdict.Message };
}

/// <summary>Counts what a source has: images that are neither broken nor the same bytes as one before, and their captions.</summary>
internal sealed class SourceCount
{
    public long Images { get; private set; }

    public long Captions { get; private set; }

    public long Edited { get; private set; }

    public IndexRow Add(IndexRow row)
    {
        Edited += row.Notes.Contains(SourceLabels.Edited) ? 1 : 0;
        if (row.Status is RowStatus.Rejected or RowStatus.Failed || row.Reason == Reasons.DuplicateOf)
            return row;
        Images++;
        Captions += row.Status == RowStatus.Duplicate ? 0 : SourceLabels.All(row).Count();
        return row;
    }
}
