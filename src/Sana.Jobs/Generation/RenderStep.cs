using System.Diagnostics;
using System.Text.Json;
using Sana.Inference.Diffusion;
using Sana.Inference.Imaging;
using Sana.Jobs.Networks;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Generation;

/// <summary>
/// One batch to blobs: timings, then per image the file and its record. The record comes last and settles the image. A batch whose images are all settled is skipped;
/// otherwise the whole batch is rendered again, so that no pixel depends on where a run was cut, and what is settled stays as it is.
/// </summary>
internal sealed class RenderStep(IRenderer renderer, IBlobs blobs, RunNames names, ImageOutput output)
{
    private readonly ModelRecord _model = new(renderer.ModelName, renderer.Fingerprint);
    private readonly FinishedImages _settled = new(blobs, names);

    /// <summary>The records of the batch's images in order, and how many of them were there before.</summary>
    public async Task<(IReadOnlyList<ImageRecord> Records, int Found)> Run(RenderBatch batch, IProgress<GenerateProgress>? progress, CancellationToken cancellationToken)
    {
        var settled = await _settled.Of(batch, redo: null, cancellationToken);
        var found = settled.Count(record => record is not null);
        return found == settled.Length ? (settled!, found) : ((await Render(batch, settled, progress, cancellationToken)).Records, found);
    }

    /// <summary>Renders the whole batch and settles the images that are null in <paramref name="settled"/>.</summary>
    public async Task<(IReadOnlyList<ImageRecord> Records, StageSeconds Seconds)> Render(
        RenderBatch batch, ImageRecord?[] settled, IProgress<GenerateProgress>? progress, CancellationToken cancellationToken)
    {
        var clock = Stopwatch.StartNew();
        var images = renderer.Generate([.. batch.Images.Select(image => image.Request)], batch.Options, progress, cancellationToken);
        var rendered = clock.Elapsed;
        var files = images.Select((image, i) => Encode(batch, batch.Images[i], image)).ToArray();
        await WriteTimings(batch, images[0].Seconds, encode: clock.Elapsed - rendered, total: clock.Elapsed, cancellationToken);

        await Parallel.ForEachAsync(Enumerable.Range(0, files.Length).Where(i => settled[i] is null), cancellationToken, async (i, cancel) =>
        {
            settled[i] = await Settle(batch, batch.Images[i], files[i].Record, files[i].Bytes, cancel);
        });
        return (settled!, images[0].Seconds);
    }

    private (ImageRecord Record, byte[]? Bytes) Encode(RenderBatch batch, PlannedImage planned, GeneratedImage made)
    {
        var record = new ImageRecord(
            "sana.image/1",
            names.RunId,
            batch.Folder,
            planned.Job,
            planned.Row,
            planned.Id,
            planned.Request.Index,
            planned.Request.Seed,
            planned.Request.Prompt,
            RunIdentity.Settings(batch.Options),
            output.Device,
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
        var bytes = ImageCodec.Encode(pixels, output.Format, parameters, output.Quality);
        var name = names.Image(batch.Folder, planned.Job, planned.Request, output.Format.Extension());
        return (record with { Image = new FileRecord(name, RunJson.Sha256(bytes), bytes.Length, pixels.Width, pixels.Height) }, bytes);
    }

    private async Task<ImageRecord> Settle(RenderBatch batch, PlannedImage planned, ImageRecord record, byte[]? bytes, CancellationToken cancellationToken)
    {
        if (bytes is not null)
        {
            await blobs.PutOrRepair(record.Image!.Name, bytes, cancellationToken);
        }

        await blobs.PutOrRepair(names.Record(batch, planned), JsonSerializer.SerializeToUtf8Bytes(record, RunJson.Readable.ImageRecord), cancellationToken);
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
            output.Device,
            $"{Environment.OSVersion.VersionString}, {Environment.ProcessorCount} cores, .NET {Environment.Version}");
        await blobs.PutIfAbsent(names.Timings(batch.Id), JsonSerializer.SerializeToUtf8Bytes(timings, RunJson.Readable.TimingsRecord), cancellationToken);
    }
}

/// <summary>How images are written.</summary>
internal sealed record ImageOutput(ImageFormat Format, int Quality, string Device);
