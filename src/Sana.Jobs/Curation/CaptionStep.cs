using System.Text.Json;
using Sana.Curation;
using Sana.Curation.Captioning;
using Sana.Curation.Shards;
using Sana.Inference.Imaging;
using Sana.Jobs.Durable;
using Sana.Jobs.Telemetry;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Curation;

/// <summary>Asks one captioner about the images of a shard. An answer is kept by image, model, prompt and decoding the moment it comes: a killed run, a rerun or another dataset does not ask again.</summary>
internal sealed class CaptionStep(IBlobs blobs, OpenDatasets datasets, Spending spending, StageClock clock)
{
    public async Task<ItemCounts> Run(CaptionTicket ticket, CancellationToken cancellationToken)
    {
        var (label, shard) = (ticket.Label, ticket.Shard.Shard);
        using var lease = await datasets.Open(ticket.Shard.Job, cancellationToken);
        var dataset = lease.Dataset;
        var (names, retry) = (dataset.Names, ticket.Shard.Retry);
        var before = await blobs.TryReadLines(names.Captions(shard, label), CurateJson.Readable.CaptionLine, cancellationToken);
        var rows = await blobs.ReadLines(names.Linked(shard), CurationJson.Lines.IndexRow, cancellationToken);
        if (before is not null && retry is null)
            return Count(before);

        var timing = clock.Start();
        var captioner = dataset.Captioners.Single(one => one.Card.Label == label);
        if (retry.Wants(Reasons.CaptionerRefused))
            await captioner.Resume(cancellationToken);
        var account = await spending.Of(names, dataset.Settings.Budget, ticket.Shard.Shards, dataset.Labels, cancellationToken);
        var settled = before?.ToDictionary(line => line.Row, line => line.Candidate) ?? [];
        var work = rows.Where(row => row.Status == RowStatus.Success).ToArray();
        var lines = new CaptionLine[work.Length];
        var asked = 0;
        await Parallel.ForEachAsync(Enumerable.Range(0, work.Length), new ParallelOptions { MaxDegreeOfParallelism = captioner.Concurrency, CancellationToken = cancellationToken }, async (i, cancellation) =>
        {
            var isAgain = false;
            if (settled.TryGetValue(work[i].Row, out var candidate))
                isAgain = retry.Wants(candidate.Reason);
            var cached = captioner.CacheName(work[i].Sha256!, work[i].Original);
            if (candidate is null && await Cached(cached, cancellation) is { } kept && !(isAgain = retry.Wants(kept.Reason)))
            {
                candidate = kept;
                account.Pay(UsageOf(kept));
            }

            if (candidate is null || isAgain)
            {
                candidate = await AskWithin(account, dataset, captioner, work[i], cancellation);
                Interlocked.Add(ref asked, candidate.Attempts > 0 ? 1 : 0);
                if (IsSettled(candidate))
                    await blobs.Put(cached, JsonSerializer.SerializeToUtf8Bytes(candidate, CurationJson.Lines.Candidate), cancellation);
            }

            // Label and licence are the configuration's: they may have been others when the answer was kept.
            lines[i] = new CaptionLine(work[i].Row, candidate with { Label = label, Licence = captioner.Card.Licence });
        });

        await blobs.WriteLines(names.Captions(shard, label), lines, CurateJson.Readable.CaptionLine, cancellationToken);
        var usage = lines.Aggregate(Usage.None, (sum, line) => sum.Plus(UsageOf(line.Candidate)));
        await blobs.PutOrRepair(names.Usage(shard, label), JsonSerializer.SerializeToUtf8Bytes(usage, CurateJson.Readable.Usage), cancellationToken);
        await clock.Record(timing, names.Timing($"caption-{label}", shard), work.Length, asked, cancellationToken);
        return Count(lines);
    }

    private async Task<Candidate> AskWithin(BudgetAccount account, OpenDataset dataset, OpenCaptioner captioner, IndexRow row, CancellationToken cancellationToken)
    {
        var estimate = captioner.Estimate(row.Width!.Value, row.Height!.Value);
        if (!await account.Reserve(estimate, cancellationToken))
            return OverBudget(captioner.Card);
        var used = Usage.None;
        try
        {
            var candidate = await Ask(dataset, captioner, row, cancellationToken);
            used = UsageOf(candidate);
            return candidate;
        }
        finally
        {
            account.Settle(estimate, used);
        }
    }

    private async Task<Candidate> Ask(OpenDataset dataset, OpenCaptioner captioner, IndexRow row, CancellationToken cancellationToken)
    {
        var image = await blobs.ReadImage(dataset, row, cancellationToken);
        var candidate = await captioner.Ask(new CaptionAsk(image, dataset.Settings.Ingest.Output.ContentType(), row.Width!.Value, row.Height!.Value, row.Original), cancellationToken);
        SanaTelemetry.CaptionsGenerated.Add(1, new("captioner", candidate.Label), new("finish_reason", candidate.FinishReason ?? "none"));
        if (candidate.Reason is not null)
            SanaTelemetry.CaptionsRejected.Add(1, new("captioner", candidate.Label), new("qc", candidate.Reason));
        return candidate;
    }

    private async Task<Candidate?> Cached(string name, CancellationToken cancellationToken) =>
        await blobs.Read(name, cancellationToken) is { } bytes ? JsonSerializer.Deserialize(bytes, CurationJson.Lines.Candidate) : null;

    // What the endpoint could not give may come the next time; what the model said stays said.
    private static bool IsSettled(Candidate candidate) => candidate.Reason is null || candidate.Reason.StartsWith("caption_", StringComparison.Ordinal);

    private static Candidate OverBudget(CaptionerCard card) => new()
    {
        Label = card.Label,
        Model = card.Model,
        ModelRevision = card.Revision,
        PromptId = card.PromptId,
        Reason = Reasons.Budget,
        Message = "The budget was spent before this image was asked about; give a greater one and retry budget.",
    };

    private static Usage UsageOf(Candidate candidate) => new(candidate.Attempts > 0 ? 1 : 0, candidate.InputTokens + candidate.OutputTokens, candidate.Cost);

    private static ItemCounts Count(IReadOnlyCollection<CaptionLine> lines)
    {
        var usable = lines.Count(line => line.Candidate.Reason is null);
        return new ItemCounts(usable, lines.Count - usable, 0);
    }
}
