using Sana.Curation;
using Sana.Curation.Shards;
using Sana.Curation.Sources;
using Sana.Inference.Imaging;
using Sana.Jobs.Durable;
using Sana.Storage;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Curation;

/// <summary>Reads, normalises and filters the images of a shard. Whatever comes of one is its row; only normalised pixels travel on, under a name that follows from the bytes.</summary>
internal sealed class IngestStep(IBlobs blobs, OpenDatasets datasets, StageClock clock) : IDisposable
{
    // The failure rate is looked at between blocks of so many rows, in their order, so that a stopped shard is the same each time.
    private const int Block = 64;

    private readonly SemaphoreSlim _files = new(2 * Environment.ProcessorCount);
    private readonly SemaphoreSlim _downloads = new(32);

    public async Task<ItemCounts> Run(ShardTicket ticket, CancellationToken cancellationToken)
    {
        using var lease = await datasets.Open(ticket.Job, cancellationToken);
        var dataset = lease.Dataset;
        var (names, shard) = (dataset.Names, ticket.Shard);
        var before = await blobs.TryReadLines(names.Ingested(shard), CurationJson.Lines.IndexRow, cancellationToken);
        if (before is not null && ticket.Retry is null)
            return Rows.Count(before);

        var timing = clock.Start();
        var items = await blobs.ReadLines(names.Items(shard), CurationJson.Lines.SourceItem, cancellationToken);
        var rows = new IndexRow[items.Count];
        // Only what this run examines counts: a retry of failure_threshold goes on behind the rows that made the first run stop.
        var (examined, failed, isStopped) = (0, 0, false);
        for (var start = 0; start < rows.Length; start += Block)
        {
            var end = Math.Min(start + Block, rows.Length);
            isStopped |= failed > dataset.Settings.MaxFailures * examined;
            int[] wanted = [.. Enumerable.Range(start, end - start).Where(i => before is null || ticket.Retry.Wants(before[i].Reason))];
            for (var i = start; i < end; i++)
                rows[i] = before is not null ? before[i] : Row(items[i], shard, i);
            if (isStopped)
            {
                foreach (var i in wanted)
                    rows[i] = Row(items[i], shard, i) with { Status = RowStatus.Failed, Reason = Reasons.FailureThreshold, ErrorMessage = Stopped(failed, examined, dataset) };
                continue;
            }

            await Parallel.ForEachAsync(wanted, new ParallelOptions { MaxDegreeOfParallelism = Block, CancellationToken = cancellationToken }, async (i, cancellation) =>
                rows[i] = await Examine(dataset, items[i], shard, i, cancellation));
            examined += wanted.Length;
            failed += wanted.Count(i => rows[i].Status == RowStatus.Rejected);
        }

        LibVips.ReturnMemory();
        await blobs.WriteLines(names.Ingested(shard), rows, CurationJson.Lines.IndexRow, cancellationToken);
        await clock.Record(timing, names.Timing("ingest", shard), rows.Length, 0, cancellationToken);
        return Rows.Count(rows);
    }

    public void Dispose()
    {
        _files.Dispose();
        _downloads.Dispose();
    }

    private static IndexRow Row(SourceItem item, int shard, int row) => new()
    {
        Key = Rows.Key(shard, row),
        Shard = shard,
        Row = row,
        SourceUri = item is { File: null, Cell: null, Url: { } url } ? url : item.Name,
        Status = RowStatus.Rejected,
        Bytes = item.Length,
        Licence = item.Licence,
    };

    private async Task<IndexRow> Examine(OpenDataset dataset, SourceItem item, int shard, int place, CancellationToken cancellationToken)
    {
        var row = Row(item, shard, place);
        if (item.Reason is not null)
            return row with { Reason = item.Reason, ErrorMessage = item.Message };
        // Files are held whole while they are decoded: so many at once, over all shards.
        var gate = item is { File: null, Cell: null, Url: not null } ? _downloads : _files;
        await gate.WaitAsync(cancellationToken);
        try
        {
            var fetched = await dataset.Source.Fetch(item, cancellationToken);
            row = SourceLabels.Put(row, fetched, dataset.Labels) with { Licence = fetched.Licence ?? row.Licence, Notes = fetched.Notes };
            return fetched.Bytes is { } bytes
                ? await Examine(dataset, item.Name, row, bytes, cancellationToken)
                : row with { Reason = fetched.Reason, ErrorMessage = fetched.Message };
        }
        finally
        {
            gate.Release();
        }
    }

    private async Task<IndexRow> Examine(OpenDataset dataset, string name, IndexRow row, byte[] bytes, CancellationToken cancellationToken)
    {
        if (dataset.Known.Count > 0 && Digest.Sha256(bytes) is var hash && dataset.Known.Contains(hash) && !IsTakenAgain(dataset, ref row, hash))
        {
            return row with
            {
                Sha256 = hash,
                Uid = hash[..32],
                Bytes = bytes.Length,
                Status = RowStatus.Known,
                Reason = Reasons.Known,
                ErrorMessage = $"Version {dataset.Job.Since} or one before it has this image.",
            };
        }

        var image = await Task.Run(() => dataset.Ingest.Ingest(bytes, name, cancellationToken), cancellationToken);
        row = row with
        {
            Sha256 = image.Sha256,
            Uid = image.Sha256[..32],
            Bytes = bytes.Length,
            Format = image.Format,
            OriginalWidth = image.OriginalWidth,
            OriginalHeight = image.OriginalHeight,
            Frames = image.Frames,
            Notes = [.. row.Notes, .. image.Notes],
        };
        if (image.Reason is not null)
        {
            await blobs.PutIfAbsent(SharedNames.Quarantine(image.Reason, image.Sha256), bytes, cancellationToken);
            return row with { Reason = image.Reason, ErrorMessage = image.Message };
        }

        await blobs.PutIfAbsent(dataset.ImageName(image.Sha256), image.File, cancellationToken);
        row = row with
        {
            Width = image.Width,
            Height = image.Height,
            Colours = image.Colours.ToString("x32",
            System.Globalization.CultureInfo.InvariantCulture),
            Phash = image.Phash.ToString("x16", System.Globalization.CultureInfo.InvariantCulture)
        };
        return dataset.Settings.Filters.Judge(image) is { } fault
            ? row with { Status = RowStatus.Filtered, Reason = fault.Reason, ErrorMessage = fault.Message }
            : row with { Key = row.Uid!, Status = RowStatus.Success };
    }

    /// <summary>Notes captions that the earlier version did not have; whether the image is taken again for them.</summary>
    private static bool IsTakenAgain(OpenDataset dataset, ref IndexRow row, string sha256)
    {
        var captions = SourceLabels.All(row);
        if (dataset.KnownCaptions.Count == 0 || captions.All(caption => dataset.KnownCaptions.Contains(KnownHashes.Caption(sha256, caption))))
            return false;
        row = row with { Notes = [.. row.Notes, SourceLabels.Edited] };
        return dataset.Settings.EditedCaptions == true;
    }

    private static string Stopped(int failed, int examined, OpenDataset dataset) =>
        FormattableString.Invariant($"{failed} of {Counted.Of(examined, "item")} of the shard that were read failed, more than {dataset.Settings.MaxFailures:P0}; the rest was not read. Look at their reasons, then retry failure_threshold.");
}
