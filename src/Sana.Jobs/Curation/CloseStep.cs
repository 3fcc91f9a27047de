using System.Globalization;
using System.Text;
using System.Text.Json;
using Sana.Curation;
using Sana.Curation.Report;
using Sana.Curation.Shards;
using Sana.Storage;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Curation;

/// <summary>Closes a dataset: the loader's list of shards, hashes for later versions, the report, and the manifest that vouches for all of it.</summary>
internal sealed class CloseStep(IBlobs blobs, OpenDatasets datasets, Spending spending, TimeProvider time)
{
    // Failed rows have reasons of their own; these of rejected rows may be another at the next try, too.
    private static readonly string[] _curable = [Reasons.DownloadFailed, Reasons.DownloadTimeout, Reasons.NotFound, Reasons.Unreadable, Reasons.BlockedAddress];

    public async Task<CurateSummary> Run(DatasetTicket ticket, CancellationToken cancellationToken)
    {
        using var lease = await datasets.Open(ticket.Job, cancellationToken);
        var dataset = lease.Dataset;
        var names = dataset.Names;
        var shards = new List<ShardStats>();
        for (var shard = 0; shard < ticket.Shards; shard++)
            shards.Add(ShardStats.Parse(await Existing($"{names.Shards}/{new ShardNames(shard).Stats}", cancellationToken)));
        spending.Forget(names, dataset.Settings.Budget);
        var account = await spending.Of(names, dataset.Settings.Budget, ticket.Shards, dataset.Labels, cancellationToken);
        spending.Forget(names, dataset.Settings.Budget);

        // 1. What a loader opens, and what the next version leaves out. A version without an image is not published.
        var (statuses, reasons) = (Sum(shards.Select(shard => shard.Status)), Sum(shards.Select(shard => shard.Reasons)));
        var isEmpty = statuses.GetValueOrDefault(RowStatus.Success) == 0;
        var report = new ReportBuilder(judges: dataset.JudgeCards);
        var tally = new CaptionerTally(dataset.Labels);
        var (hashes, captions) = await Hashes(names, ticket.Shards, report, tally, cancellationToken);
        var files = new List<ShardFile>();
        if (!isEmpty)
        {
            files.Add(await Put($"{names.Shards}/{ShardNames.WidsMeta}", WidsMeta.Bytes(dataset.Job.Dataset, shards), shards.Sum(shard => shard.Successes),
                cancellationToken));
            files.Add(await Put(names.Hashes, dataset.Known.With(hashes), 0, cancellationToken));
            files.Add(await Put(names.CaptionHashes, dataset.KnownCaptions.With(captions), 0, cancellationToken));
            files.Add(await Put(names.Stats, report.Facts.Bytes(), 0, cancellationToken));
        }

        // 2. The report, which may quote the clock.
        await AddFirsts(names, ticket.Shards, report, cancellationToken);
        var run = dataset.ReportRun(Digest.Sha256(await Existing(names.Config, cancellationToken)));
        var source = await blobs.Read(names.Source, cancellationToken) is { } facts ? JsonSerializer.Deserialize(facts, CurateJson.Readable.SourceFacts) : null;
        if (source is not null)
            run = run with { Filters = [new ReportFact("Found", source.Line), .. run.Filters] };
        var timings = await new DatasetTimings(blobs, time).Of(names, ticket.Shards, dataset.Labels, cancellationToken);
        await blobs.Write(names.Report, (page, cancellation) => report.Write(page, run, (row, inner) => Image(dataset, row, inner), timings, cancellation), cancellationToken);

        // 3. The dataset card, and the manifest, last.
        if (isEmpty)
            await blobs.Put(names.Empty, Encoding.ASCII.GetBytes(ticket.Job), cancellationToken);
        else
            await WriteManifest(dataset, shards, files, statuses, reasons, account.Spent, cancellationToken);

        // 4. What was there for this version alone, unless a retry is likely.
        var keepsImages = isEmpty || dataset.Settings.KeepImages == true || statuses.ContainsKey(RowStatus.Failed) || _curable.Any(reasons.ContainsKey);
        for (var shard = 0; shard < ticket.Shards && !keepsImages; shard++)
            await blobs.RemoveImages(dataset, await Index(names, shard, cancellationToken), cancellationToken);
        return new CurateSummary(
            dataset.Job.Dataset,
            dataset.Job.Version,
            isEmpty ? "" : names.Manifest,
            names.Report,
            statuses.GetValueOrDefault(RowStatus.Success),
            statuses.GetValueOrDefault(RowStatus.Failed),
            statuses.GetValueOrDefault(RowStatus.Rejected),
            statuses,
            reasons,
            account.Spent)
        { Captioners = tally.Outcomes, Source = source, KeepsImages = keepsImages };
    }

    private async Task WriteManifest(
        OpenDataset dataset,
        IReadOnlyList<ShardStats> shards,
        IReadOnlyList<ShardFile> files,
        IReadOnlyDictionary<string, long> statuses,
        IReadOnlyDictionary<string, long> reasons,
        Usage spent,
        CancellationToken cancellationToken)
    {
        var config = await Existing(dataset.Names.Config, cancellationToken);
        var parent = dataset.Job.Since is { } since ? Digest.Sha256(await Existing(new DatasetNames(dataset.Job.Dataset, since).Manifest, cancellationToken)) : null;
        var manifest = new DatasetManifest(
            "sana.dataset-manifest/1",
            dataset.Job.Dataset,
            dataset.Job.Version,
            OpenDataset.Tool,
            Digest.Sha256(config),
            JsonSerializer.Deserialize(config, CurateJson.Readable.DatasetConfig)!,
            parent,
            statuses,
            reasons,
            spent,
            HashChain.Combine([.. shards.Select(shard => shard.Chain)]),
            shards,
            files);
        await DatasetCards.Write(blobs, dataset.Names, manifest, cancellationToken);
        await blobs.PutOrRepair(dataset.Names.Manifest, JsonSerializer.SerializeToUtf8Bytes(manifest, CurateJson.Readable.DatasetManifest), cancellationToken);
    }

    private async Task<(List<string> Images, List<string> Captions)> Hashes(DatasetNames names, int shards, ReportBuilder report, CaptionerTally tally,
        CancellationToken cancellationToken)
    {
        var (hashes, captions) = (new List<string>(), new List<string>());
        for (var shard = 0; shard < shards; shard++)
        {
            foreach (var row in await Index(names, shard, cancellationToken))
            {
                report.Add(row);
                tally.Add(row);
                // What failed for want of captions is new to the next version; what cannot be used is not.
                if (row.Sha256 is not { } sha256 || row.Status == RowStatus.Failed)
                    continue;
                hashes.Add(sha256[..32]);
                if (row.Status != RowStatus.Known)
                    captions.AddRange(SourceLabels.All(row).Select(caption => KnownHashes.Caption(sha256, caption)));
            }
        }

        return (hashes, captions);
    }

    private async Task AddFirsts(DatasetNames names, int shards, ReportBuilder report, CancellationToken cancellationToken)
    {
        var firsts = report.Firsts;
        for (var shard = 0; shard < shards && firsts.Count > 0; shard++)
        {
            foreach (var row in (await Index(names, shard, cancellationToken)).Where(row => firsts.Contains(row.Key)))
                report.AddFirst(row);
        }
    }

    private Task<List<IndexRow>> Index(DatasetNames names, int shard, CancellationToken cancellationToken) =>
        blobs.ReadLines($"{names.Shards}/{new ShardNames(shard).Lines}", CurationJson.Lines.IndexRow, cancellationToken);

    private async Task<byte[]?> Image(OpenDataset dataset, IndexRow row, CancellationToken cancellationToken)
    {
        try
        {
            return row is { Sha256: not null, Width: not null } ? await blobs.ReadImage(dataset, row, cancellationToken) : null;
        }
        catch (UnusableJobException)
        {
            // A report has a place without a picture where the source has lost its file.
            return null;
        }
    }

    private async Task<ShardFile> Put(string name, byte[] bytes, int samples, CancellationToken cancellationToken)
    {
        await blobs.PutOrRepair(name, bytes, cancellationToken);
        return new ShardFile(name, Digest.Sha256(bytes), bytes.Length, samples);
    }

    private async Task<byte[]> Existing(string name, CancellationToken cancellationToken) =>
        await blobs.Read(name, cancellationToken) ?? throw new SanaException($"{blobs.Place} has no {name}; start the run again.");

    private static SortedDictionary<string, long> Sum(IEnumerable<IReadOnlyDictionary<string, int>> shards)
    {
        var sum = new SortedDictionary<string, long>(StringComparer.Ordinal);
        foreach (var (name, count) in shards.SelectMany(shard => shard))
            sum[name] = sum.GetValueOrDefault(name) + count;
        return sum;
    }
}

/// <summary>Counts what each captioner gave, row by row.</summary>
internal sealed class CaptionerTally(IReadOnlyList<string> labels)
{
    private readonly Dictionary<string, (long Usable, Dictionary<string, (long Count, string? Message)> Reasons)> _counts = labels.ToDictionary(label => label, _ => (0L, new Dictionary<string, (long, string?)>()));

    /// <summary>In the order of the labels; a captioner that was never asked has zeros.</summary>
    public IReadOnlyList<CaptionerOutcome> Outcomes => [.. labels.Select(label =>
    {
        var (usable, reasons) = _counts[label];
        var most = reasons.OrderByDescending(reason => reason.Value.Count).ThenBy(reason => reason.Key, StringComparer.Ordinal).FirstOrDefault();
        return new CaptionerOutcome(label, usable, reasons.Values.Sum(reason => reason.Count), most.Key, most.Value.Message);
    })];

    public void Add(IndexRow row)
    {
        foreach (var candidate in row.Candidates)
        {
            if (!_counts.TryGetValue(candidate.Label, out var count))
                continue;
            if (candidate.Reason is { } reason)
                count.Reasons[reason] = count.Reasons.TryGetValue(reason, out var before) ? (before.Count + 1, before.Message) : (1, candidate.Message);
            else
                _counts[candidate.Label] = (count.Usable + 1, count.Reasons);
        }
    }
}

/// <summary>The rules of a run in words, for its report.</summary>
internal static class FilterFacts
{
    public static IReadOnlyList<ReportFact> Of(CurationSettings settings)
    {
        var (rules, facts) = (settings.Filters, new List<ReportFact>());
        Add(rules.MinSide, "shortest side", "at least {0} px");
        Add(rules.MaxAspect, "aspect", "at most {0} to 1");
        Add(rules.MinArea, "area", "at least {0} px");
        Add(rules.MaxArea, "area", "at most {0} px");
        Add(rules.MinWords, "caption", rules.MinWords == 1 ? "at least {0} word" : "at least {0} words");
        Add(rules.MinCharacters, "caption", rules.MinCharacters == 1 ? "at least {0} character" : "at least {0} characters");
        Add(rules.MaxCharacters, "caption", rules.MaxCharacters == 1 ? "at most {0} character" : "at most {0} characters");
        Add(settings.Duplicates.MaxDistance, "duplicates", settings.Duplicates.MaxDistance == 1 ? "equal bytes, or perceptual hashes that differ in at most {0} bit" : "equal bytes, or perceptual hashes that differ in at most {0} bits");
        foreach (var concept in settings.Concepts)
            Add(concept.Threshold, concept.Name, "left out from a score of {0}");
        foreach (var judge in settings.ReadJudges())
        {
            Add(judge.Min, judge.Column, "at least {0}");
            Add(judge.Max, judge.Column, "at most {0}");
        }

        return facts;

        void Add(IFormattable? value, string name, string words)
        {
            if (value is not null)
                facts.Add(new ReportFact(name, string.Format(CultureInfo.InvariantCulture, words, value)));
        }
    }
}

/// <summary>What the clock said of a dataset's stages, summed over its shards.</summary>
internal sealed class DatasetTimings(IBlobs blobs, TimeProvider time)
{
    public async Task<ReportTimings> Of(DatasetNames names, int shards, IReadOnlyList<string> labels, CancellationToken cancellationToken)
    {
        var (stages, asked, first, last) = (new List<StageTime>(), 0L, DateTimeOffset.MaxValue, DateTimeOffset.MinValue);
        foreach (var stage in (string[])["ingest", .. labels.Select(label => $"caption-{label}"), "score", "write"])
        {
            var (seconds, items) = (0.0, 0L);
            for (var shard = 0; shard < shards; shard++)
            {
                if (await blobs.Read(names.Timing(stage, shard), cancellationToken) is not { } bytes)
                    continue;
                var timing = JsonSerializer.Deserialize(bytes, CurateJson.Readable.StageTiming)!;
                (seconds, items, asked) = (seconds + timing.Seconds, items + timing.Items, asked + timing.Asked);
                var ended = timing.Started.AddSeconds(timing.Seconds);
                (first, last) = (timing.Started < first ? timing.Started : first, ended > last ? ended : last);
            }

            if (items > 0)
                stages.Add(new StageTime(stage, TimeSpan.FromSeconds(seconds), items));
        }

        return new ReportTimings
        {
            Finished = time.GetUtcNow(),
            Elapsed = stages.Count == 0 ? TimeSpan.Zero : last - first,
            Images = stages.Count == 0 ? 0 : stages[0].Items,
            Captions = asked,
            Stages = stages,
        };
    }
}
