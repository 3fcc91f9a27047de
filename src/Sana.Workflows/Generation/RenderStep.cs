using System.Diagnostics;
using System.Text.Json;
using Sana.Inference.Diffusion;
using Sana.Inference.Imaging;
using Sana.Workflows.Blobs;

namespace Sana.Workflows.Generation;

/// <summary>
/// One batch to blobs: timings, then per image the file and its record. The record comes last and settles the image. A batch whose images are all settled is skipped;
/// otherwise the whole batch is rendered again, so that no pixel depends on where a run was cut, and what is settled stays as it is.
/// </summary>
internal sealed class RenderStep(IRenderer renderer, IBlobs blobs, RunNames names, GenerateJob job)
{
    private readonly ModelRecord _model = new(renderer.ModelName, renderer.Fingerprint);

    /// <summary>The records of the batch's images in order, and how many of them were there before.</summary>
    public async Task<(IReadOnlyList<ImageRecord> Records, int Found)> Run(RenderBatch batch, IProgress<GenerateProgress>? progress, CancellationToken cancellationToken)
    {
        var settled = await Settled(batch, cancellationToken);
        var found = settled.Count(record => record is not null);
        if (found == batch.Images.Count)
        {
            return (settled!, found);
        }

        var clock = Stopwatch.StartNew();
        var images = renderer.Generate([.. batch.Images.Select(image => image.Request)], batch.Options, progress, cancellationToken);
        var rendered = clock.Elapsed;
        var files = images.Select((image, i) => Encode(batch, batch.Images[i], image)).ToArray();
        await WriteTimings(batch, images[0].Seconds, encode: clock.Elapsed - rendered, total: clock.Elapsed, cancellationToken);

        await Parallel.ForEachAsync(Enumerable.Range(0, files.Length).Where(i => settled[i] is null), cancellationToken, async (i, cancel) =>
        {
            settled[i] = await Settle(batch.Id, batch.Images[i], files[i].Record, files[i].Bytes, cancel);
        });
        return (settled!, found);
    }

    private async Task<ImageRecord?[]> Settled(RenderBatch batch, CancellationToken cancellationToken)
    {
        var lengths = new Dictionary<string, long>(StringComparer.Ordinal);
        await foreach (var blob in blobs.List(names.Images(batch.Id), cancellationToken))
        {
            lengths[blob.Name] = blob.Length;
        }

        var settled = new ImageRecord?[batch.Images.Count];
        for (var i = 0; i < settled.Length; i++)
        {
            var record = RecordName(batch.Id, batch.Images[i]);
            settled[i] = lengths.ContainsKey(record) && Parse(await blobs.Read(record, cancellationToken)) is { } parsed && IsWhole(parsed, lengths) ? parsed : null;
        }

        return settled;
    }

    private static bool IsWhole(ImageRecord record, Dictionary<string, long> lengths) =>
        record.Image is null || (lengths.TryGetValue(record.Image.Name, out var length) && length == record.Image.Bytes);

    private static ImageRecord? Parse(byte[]? json)
    {
        try
        {
            return json is null ? null : JsonSerializer.Deserialize(json, RunJson.Readable.ImageRecord);
        }
        catch (JsonException)
        {
            // Damaged by somebody else: rendered and written again.
            return null;
        }
    }

    private (ImageRecord Record, byte[]? Bytes) Encode(RenderBatch batch, PlannedImage planned, GeneratedImage made)
    {
        var record = new ImageRecord(
            "sana.image/1",
            names.RunId,
            batch.Id,
            RunNames.Job(planned.Row),
            planned.Row,
            planned.Id,
            planned.Request.Index,
            planned.Request.Seed,
            planned.Request.Prompt,
            RunIdentity.Settings(batch.Options),
            job.Device,
            _model,
            made.Failure is null ? OutcomeStatus.Succeeded : OutcomeStatus.Failed,
            made.Failure,
            made.Flags,
            Image: null);
        if (made.Image is not { } pixels)
        {
            return (record, null);
        }

        var parameters = JsonSerializer.Serialize(record, RunJson.Readable.ImageRecord);
        var bytes = ImageCodec.Encode(pixels, job.Format, parameters, job.Quality);
        var name = names.Image(batch.Id, record.JobId, planned.Request, job.Format.Extension());
        return (record with { Image = new FileRecord(name, RunJson.Sha256(bytes), bytes.Length, pixels.Width, pixels.Height) }, bytes);
    }

    private async Task<ImageRecord> Settle(string batchId, PlannedImage planned, ImageRecord record, byte[]? bytes, CancellationToken cancellationToken)
    {
        if (bytes is not null)
        {
            await blobs.PutOrRepair(record.Image!.Name, bytes, cancellationToken);
        }

        await blobs.PutOrRepair(RecordName(batchId, planned), JsonSerializer.SerializeToUtf8Bytes(record, RunJson.Readable.ImageRecord), cancellationToken);
        return record;
    }

    // Before the images: a run that is killed between them has its timings under the same names as one that is not.
    private async Task WriteTimings(RenderBatch batch, StageSeconds stages, TimeSpan encode, TimeSpan total, CancellationToken cancellationToken)
    {
        var timings = new TimingsRecord(
            "sana.timings/1",
            names.RunId,
            batch.Id,
            batch.Images.Count,
            Math.Round(stages.Text, 4),
            Math.Round(stages.Denoise, 4),
            Math.Round(stages.Decode, 4),
            Math.Round(encode.TotalSeconds, 4),
            Math.Round(total.TotalSeconds, 4),
            TimeProvider.System.GetUtcNow(),
            job.Device,
            $"{Environment.OSVersion.VersionString}, {Environment.ProcessorCount} cores, .NET {Environment.Version}");
        await blobs.PutIfAbsent(names.Timings(batch.Id), JsonSerializer.SerializeToUtf8Bytes(timings, RunJson.Readable.TimingsRecord), cancellationToken);
    }

    private string RecordName(string batchId, PlannedImage image) => names.Image(batchId, RunNames.Job(image.Row), image.Request, ".json");
}
