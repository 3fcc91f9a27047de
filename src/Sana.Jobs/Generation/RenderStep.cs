using System.Diagnostics;
using System.Text.Json;
using Sana.Inference.Diffusion;
using Sana.Inference.Imaging;
using Sana.Jobs.Networks;
using Sana.Jobs.Queue;
using Sana.Storage;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Generation;

/// <summary>
/// One batch to blobs: per image the file and its record, and timings before the last of them. The record comes last and settles the image. A part of the batch that lacks an image is
/// rendered again as a whole, so that no pixel depends on where a run was cut, and what is settled stays as it is. Every image passes the renderer's judges before it is written.
/// </summary>
internal sealed partial class RenderStep(IRenderer renderer, IBlobs blobs, RunNames names, ImageOutput output)
{
    private readonly ModelRecord _model = ModelRecord.Of(renderer);
    private readonly Dictionary<string, GateVerdict?> _prompts = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _revised = new(StringComparer.Ordinal);

    /// <summary>Renders a batch in parts and writes the images that are null in <paramref name="settled"/>. Only one part is in memory. A part whose images are all there is skipped.</summary>
    /// <param name="batch">What to render.</param>
    /// <param name="settled">The records that are there, in the order of the batch; filled as images are written.</param>
    /// <param name="maxImages">Images of one part, 1 or more. The same number gives the same bytes.</param>
    /// <param name="refuseNan">Values that are not numbers fail the attempt instead of the image.</param>
    /// <param name="progress">Told of each step of each part.</param>
    /// <param name="cancellationToken">Stops inside a step.</param>
    /// <exception cref="JobFaultException">An image has values that are not numbers, and that is refused.</exception>
    public async Task<(IReadOnlyList<ImageRecord> Records, StageSeconds Seconds)> Render(
        RenderBatch batch, ImageRecord?[] settled, int maxImages, bool refuseNan, IProgress<GenerateProgress>? progress, CancellationToken cancellationToken)
    {
        batch = Revised(batch, settled, cancellationToken);
        if (batch.BestOf is not null)
            return await RenderBest(batch, settled, maxImages, refuseNan, progress, cancellationToken);
        var (clock, seconds, encoding) = (Stopwatch.StartNew(), new StageSeconds(0, 0, 0), TimeSpan.Zero);
        var refused = await RefusePrompts(batch, settled, cancellationToken);
        var parts = Enumerable.Range(0, settled.Length).Where(i => !refused.Contains(i)).Chunk(maxImages).Where(part => Array.Exists(part, i => settled[i] is null)).ToArray();
        foreach (var part in parts)
        {
            // What is not done yet has not been judged, so nobody sees it.
            var previews = batch.Previews > 0 && renderer.Gate?.HasLimits != true ? new Previews(progress, blobs, batch, part, output) : null;
            var images = renderer.Generate([.. part.Select(i => batch.Images[i].Request)], batch.Options, previews ?? progress, cancellationToken);
            if (previews is not null)
                await previews.Written();
            RefuseNan(images, refuseNan);
            var made = images[0].Seconds;
            seconds = new StageSeconds(seconds.Text + made.Text, seconds.Denoise + made.Denoise, seconds.Decode + made.Decode);

            var rendered = clock.Elapsed;
            var files = part.Select((i, k) => settled[i] is null ? Encode(batch, batch.Images[i], images[k], Judge(images[k], cancellationToken)) : default).ToArray();
            encoding += clock.Elapsed - rendered; // and judging
            if (part == parts[^1])
                await WriteTimings(batch, parts.Sum(each => each.Length), seconds, encoding, total: clock.Elapsed, cancellationToken);
            await Parallel.ForEachAsync(Enumerable.Range(0, part.Length).Where(k => settled[part[k]] is null), cancellationToken, async (k, cancel) =>
            {
                settled[part[k]] = await Settle(batch, batch.Images[part[k]], files[k].Record, files[k].Bytes, cancel);
            });
        }

        return (settled!, seconds);
    }

    // A prompt that is outside a limit itself is not enhanced. What is settled has its text in the record.
    private RenderBatch Revised(RenderBatch batch, ImageRecord?[] settled, CancellationToken cancellationToken)
    {
        if (!batch.Options.EnhancePrompt)
            return batch;
        foreach (var record in settled)
        {
            if (record?.RevisedPrompt is { } known)
                _revised.TryAdd(record.Prompt, known);
        }

        return batch with { Images = [.. batch.Images.Select(image => image with { Request = Revised(image.Request, cancellationToken) })] };
    }

    private ImageRequest Revised(ImageRequest request, CancellationToken cancellationToken)
    {
        if (Judge(request.Prompt, cancellationToken) is { Fault: not null })
            return request;
        if (!_revised.TryGetValue(request.Prompt, out var text))
            _revised.Add(request.Prompt, text = renderer.Enhance(request.Prompt, cancellationToken));
        return request with { RevisedPrompt = text };
    }

    // A prompt outside a limit costs no step of the solver. Its images are never in a part, so the parts are the same after a kill.
    private async Task<HashSet<int>> RefusePrompts(RenderBatch batch, ImageRecord?[] settled, CancellationToken cancellationToken)
    {
        var refused = new HashSet<int>();
        for (var i = 0; i < settled.Length; i++)
        {
            if (Judge(batch.Images[i].Request, cancellationToken) is not { Fault: { } fault } verdict)
                continue;
            refused.Add(i);
            // Of candidates as many fail as images were asked for.
            var isLost = batch.BestOf is not { } best || i % best.Of < best.Keep;
            var (status, reason) = isLost ? (OutcomeStatus.Failed, FaultReason.Policy) : (OutcomeStatus.NotKept, OutcomeStatus.NotKept);
            settled[i] ??= await Settle(batch, batch.Images[i], Record(batch, batch.Images[i], [], status, reason) with { Scores = verdict.Scores, Message = fault }, bytes: null, cancellationToken);
        }

        return refused;
    }

    private static void RefuseNan(IReadOnlyList<GeneratedImage> images, bool refuses)
    {
        if (refuses && images.FirstOrDefault(image => image.Failure == FaultReason.Nan) is { } bad)
            throw new JobFaultException(FaultReason.Nan, $"The image of seed {bad.Request.Seed} has values that are not numbers.");
    }

    // Batches have few prompts, many of them equal.
    private GateVerdict? Judge(string prompt, CancellationToken cancellationToken)
    {
        if (!_prompts.TryGetValue(prompt, out var verdict))
            _prompts.Add(prompt, verdict = renderer.Judges?.Judge(prompt, cancellationToken));
        return verdict;
    }

    // Both what was asked for and what the image is made from must be within the limits.
    private GateVerdict? Judge(ImageRequest request, CancellationToken cancellationToken)
    {
        var asked = Judge(request.Prompt, cancellationToken);
        if (asked is not { Fault: null } || request.RevisedPrompt is not { } text || text == request.Prompt)
            return asked;
        var revised = Judge(text, cancellationToken)!;
        return new GateVerdict(
            [.. asked.Scores, .. revised.Scores.Select(score => score with { Judge = $"{score.Judge}__revised_prompt" })],
            revised.Fault is { } fault ? $"The enhanced prompt is outside a limit: {fault}" : null);
    }

    private GateVerdict? Judge(GeneratedImage made, CancellationToken cancellationToken)
    {
        if (made.Image is not { } pixels || renderer.Judges is not { } judges)
            return null;
        var verdict = judges.Judge(pixels, made.Request.Prompt, cancellationToken);
        return Judge(made.Request, cancellationToken) is { } prompt ? verdict with { Scores = [.. prompt.Scores, .. verdict.Scores] } : verdict;
    }

    private ImageRecord Record(RenderBatch batch, PlannedImage planned, IReadOnlyList<string> flags, string status, string? reason) => new(
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
        status,
        reason,
        [.. planned.Flags, .. flags],
        Image: null)
    { BestOf = batch.BestOf, RevisedPrompt = planned.Request.RevisedPrompt };

    private (ImageRecord Record, byte[]? Bytes) Encode(RenderBatch batch, PlannedImage planned, GeneratedImage made, GateVerdict? verdict)
    {
        var failure = made.Failure ?? (verdict?.Fault is null ? null : FaultReason.Policy);
        var record = Record(batch, planned, made.Flags, failure is null ? OutcomeStatus.Succeeded : OutcomeStatus.Failed, failure) with { Scores = verdict?.Scores, Message = verdict?.Fault };
        if (made.Image is not { } pixels || (failure is not null && renderer.Gate?.OutsideLimits != GateConfig.Quarantine))
        {
            return (record, null);
        }

        var parameters = JsonSerializer.Serialize(record, RunJson.Readable.ImageRecord);
        var bytes = ImageCodec.Encode(pixels, output.Format, parameters, output.Quality);
        var extension = output.Format.Extension();
        var name = failure is null ? names.Image(batch.Folder, planned.Job, planned.Request, extension) : names.Quarantined(batch.Folder, planned.Job, planned.Request, extension);
        var file = new FileRecord(name, Digest.Sha256(bytes), bytes.Length, pixels.Width, pixels.Height);
        return (failure is null ? record with { Image = file } : record with { Quarantined = file }, bytes);
    }

    private async Task<ImageRecord> Settle(RenderBatch batch, PlannedImage planned, ImageRecord record, byte[]? bytes, CancellationToken cancellationToken)
    {
        if (bytes is not null)
        {
            await blobs.PutOrRepair((record.Image ?? record.Quarantined)!.Name, bytes, cancellationToken);
        }

        await blobs.PutOrRepair(names.Record(batch, planned), JsonSerializer.SerializeToUtf8Bytes(record, RunJson.Readable.ImageRecord), cancellationToken);
        return record;
    }

    // Before the last images: a run that is killed between them has its timings under the same names as one that is not.
    private async Task WriteTimings(RenderBatch batch, int images, StageSeconds stages, TimeSpan encode, TimeSpan total, CancellationToken cancellationToken)
    {
        var timings = new TimingsRecord(
            "sana.timings/1",
            names.RunId,
            batch.Id,
            images,
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
