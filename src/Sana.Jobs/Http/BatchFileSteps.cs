using System.Text;
using System.Text.Json;
using Sana.Jobs.Durable;
using Sana.Jobs.Networks;
using Sana.Jobs.Queue;
using Sana.Jobs.Requests;
using Sana.Storage.Blobs;
using Sana.Storage.Net;

namespace Sana.Jobs.Http;

/// <summary>The steps of a batch of an uploaded file. A line is read by what reads its body at the door, so it means the same; each step may run twice.</summary>
/// <param name="blobs">Where files, lines, messages and results are.</param>
/// <param name="model">The checkpoint whose defaults a line takes.</param>
/// <param name="clock">Dates messages.</param>
internal sealed class BatchFileSteps(IBlobs blobs, Func<CancellationToken, Task<IModel>> model, TimeProvider clock)
{
    private const int ChunkLines = 100;
    private const int ChunkBytes = 4 << 20;

    /// <summary>As the batches of the native API: behind whoever waits for an image.</summary>
    private const int Priority = 5;

    private readonly StoredFiles _files = new(blobs, clock);

    /// <summary>Adds the orchestration and its activities.</summary>
    public void AddTo(TaskRegistry tasks) => tasks
        .AddOrchestrator<RunBatchFile>()
        .Add(BatchFiles.CheckLines, CheckLines)
        .Add(BatchFiles.OpenLines, OpenLines)
        .Add(BatchFiles.ReportLines, ReportLines)
        .Add(BatchFiles.WriteBatchFiles, WriteBatchFiles);

    private async Task<BatchFileCheck> CheckLines(BatchFileRequest batch, CancellationToken cancellationToken)
    {
        if (await _files.Find(batch.InputFile, cancellationToken) is not { } file || await _files.Open(file, cancellationToken) is not { } stream)
            return await Fail([new UploadedBatchError("file_not_found", $"There is no file {batch.InputFile} any more.", Param: "input_file_id")]);
        await using var closed = stream;
        var (reader, chunks, lines, part) = (new BatchLineReader(batch.Endpoint), 0, 0, new MemoryStream());
        var pictures = batch.Endpoint == BatchPictures.Endpoint ? new BatchPictures(blobs, _files) : null;
        foreach (var read in reader.Read(stream))
        {
            cancellationToken.ThrowIfCancellationRequested();
            var (line, fault) = pictures is null ? (read, null) : await pictures.Take(read, cancellationToken);
            if (fault is not null)
                reader.Add(fault with { Line = read.Number });
            // A file with a fault is read to its end for the others, and nothing of it is kept.
            if (reader.Faults > 0)
                continue;
            line!.WriteTo(part);
            if (++lines < ChunkLines && part.Length < ChunkBytes)
                continue;
            await Flush();
        }

        if (reader.Faults > 0)
            return await Fail(reader.Listed);
        if (lines > 0)
            await Flush();
        return new BatchFileCheck(reader.Lines, chunks, 0);

        async Task Flush()
        {
            await blobs.PutOrRepair(BatchFiles.Lines(batch.Id, chunks++), part.ToArray(), cancellationToken);
            (lines, part) = (0, new MemoryStream());
        }

        async Task<BatchFileCheck> Fail(IReadOnlyList<UploadedBatchError> faults)
        {
            await blobs.Put(BatchFiles.Faults(batch.Id), JsonSerializer.SerializeToUtf8Bytes(faults, ApiJson.Options), cancellationToken);
            return new BatchFileCheck(0, 0, faults.Count);
        }
    }

    private async Task<IReadOnlyList<JobTicket>> OpenLines(BatchFileRequest batch, CancellationToken cancellationToken)
    {
        var checkpoint = await model(cancellationToken);
        var rules = new RequestRules(batch.Limits, () => checkpoint, new CallbackRules(new UrlRules(), []), clock);
        var (tickets, refused) = (new List<JobTicket>(), new List<RefusedLine>());
        foreach (var line in await Lines(batch, cancellationToken))
        {
            try
            {
                var (asked, job) = Job(batch, line);
                var message = new JobRequestValidator(rules, asked.NameOf).Message(BatchFiles.Job(batch.Id, line.Number), job, traceparent: null);
                var ticket = JobRequestValidator.Ticket(message);
                await blobs.PutIfAbsent(ticket.Message, JsonSerializer.SerializeToUtf8Bytes(message, ApiJson.Options), cancellationToken);
                var left = batch.ExpiresAt - clock.GetUtcNow().UtcDateTime;
                tickets.Add(ticket with { DeadlineSeconds = (int)Math.Max(0, left.TotalSeconds) + message.Limits.TimeoutS });
            }
            catch (ApiException fault)
            {
                refused.Add(new RefusedLine(line.Number, OpenAIError.StatusOf(fault), OpenAIError.Of(fault)));
            }
        }

        await blobs.Put(BatchFiles.Refused(batch.Id, batch.Chunk), JsonSerializer.SerializeToUtf8Bytes(refused, ApiJson.Options), cancellationToken);
        return tickets;
    }

    private async Task<ItemCounts> ReportLines(BatchFileRequest batch, CancellationToken cancellationToken)
    {
        var refused = await blobs.Read(BatchFiles.Refused(batch.Id, batch.Chunk), cancellationToken) is { } json
            ? JsonSerializer.Deserialize<List<RefusedLine>>(json, ApiJson.Options)!.ToDictionary(line => line.Line)
            : [];
        var (answers, errors, counts) = (new MemoryStream(), new MemoryStream(), ItemCounts.None);
        foreach (var line in await Lines(batch, cancellationToken))
        {
            var row = refused.TryGetValue(line.Number, out var fault)
                ? Row(batch, line, new UploadedBatchAnswer(fault.Status, BatchFiles.Job(batch.Id, line.Number), fault.Error))
                : await Outcome(batch, line, cancellationToken);
            var isAnswer = row.Response?.StatusCode == 200;
            JsonSerializer.Serialize(isAnswer ? answers : errors, row, ApiJson.Options);
            (isAnswer ? answers : errors).WriteByte((byte)'\n');
            counts = counts.Plus(isAnswer ? new ItemCounts(1, 0, 0) : new ItemCounts(0, 1, 0));
        }

        if (answers.Length > 0)
            await blobs.Put(BatchFiles.Answers(batch.Id, batch.Chunk), answers.ToArray(), cancellationToken);
        if (errors.Length > 0)
            await blobs.Put(BatchFiles.Errors(batch.Id, batch.Chunk), errors.ToArray(), cancellationToken);
        return counts;
    }

    private async Task<BatchFileOutputs> WriteBatchFiles(BatchFileRequest batch, CancellationToken cancellationToken) => new(
        await WriteFile(batch, "output", BatchFiles.Answers, cancellationToken), await WriteFile(batch, "error", BatchFiles.Errors, cancellationToken));

    /// <summary>One file of the parts that every chunk has left; null when there are none. Its id follows from the batch.</summary>
    private async Task<string?> WriteFile(BatchFileRequest batch, string kind, Func<string, int, string> part, CancellationToken cancellationToken)
    {
        var state = batch.State!;
        var parts = new List<string>();
        for (var chunk = 0; chunk < state.Chunks; chunk++)
        {
            if (await blobs.Exists(part(batch.Id, chunk), cancellationToken))
                parts.Add(part(batch.Id, chunk));
        }

        if (parts.Count == 0)
            return null;
        var created = state.FinalizingAt!.Value;
        var file = new StoredFile(StoredFiles.NewId(new DateTimeOffset(created, TimeSpan.Zero), $"{batch.Id} {kind}"), 0, created, $"{batch.Id}_{kind}.jsonl", StoredFile.BatchOutput)
        {
            OfBatch = batch.Id,
            ExpiresAt = batch.OutputSeconds is { } seconds ? created.AddSeconds(seconds) : null,
        };
        await _files.WriteContent(file.Id, Copy, cancellationToken);
        await _files.Describe(file, cancellationToken);
        return file.Id;

        async Task Copy(Stream target, CancellationToken cancellation)
        {
            foreach (var name in parts)
            {
                await using var content = await blobs.Open(name, cancellation) ?? throw new SanaException($"{blobs.Place} has no {name} any more; send the batch again.");
                await content.CopyToAsync(target, cancellation);
            }
        }
    }

    /// <summary>What became of a line that could be asked.</summary>
    private async Task<UploadedBatchLine> Outcome(BatchFileRequest batch, BatchLine line, CancellationToken cancellationToken)
    {
        var id = BatchFiles.Job(batch.Id, line.Number);
        var result = await blobs.Read(RequestedJobs.Result(id), cancellationToken) is { } bytes ? JobResult.Parse(bytes) : null;
        if (result?.Status == JobStatus.Succeeded)
        {
            var (asked, job) = Job(batch, line);
            var name = RequestedJobs.Message(id, JobRequestValidator.Fingerprint(job));
            var message = JobMessage.Parse(Encoding.UTF8.GetString(await blobs.Read(name, cancellationToken) ?? throw new SanaException($"{blobs.Place} has no {name} any more; send the batch again.")));
            return Row(batch, line, new UploadedBatchAnswer(200, id, ImageAnswers.WithPlaces(result, message, asked, image => BatchOutput.Place(image.Blob!))));
        }

        if (batch.State!.Ending != BatchFileStatus.Completed && result is null or { Status: JobStatus.Canceled })
        {
            var (code, sentence) = batch.State.Ending == BatchFileStatus.Expired
                ? ("batch_expired", "The time of the batch was over before this line was drawn.")
                : ("batch_cancelled", "The batch was cancelled before this line was drawn.");
            return new UploadedBatchLine(RowId(batch, line), line.CustomId, null, new UploadedBatchError(code, sentence));
        }

        var fault = result is null ? new ApiException(500, "failed", "The job has no result.") { JobId = id } : ImagesApi.Failed(result);
        return Row(batch, line, new UploadedBatchAnswer(OpenAIError.StatusOf(fault), id, OpenAIError.Of(fault)));
    }

    /// <summary>What a line asks for; the same each time.</summary>
    private static (ImagesRequestReader Asked, JobRequest Job) Job(BatchFileRequest batch, BatchLine line)
    {
        var asked = BatchEndpoints.Read(batch.Endpoint, line.Body);
        return (asked, asked.Job(BatchFiles.Job(batch.Id, line.Number)) with { Priority = Priority });
    }

    private async Task<IReadOnlyList<BatchLine>> Lines(BatchFileRequest batch, CancellationToken cancellationToken)
    {
        var name = BatchFiles.Lines(batch.Id, batch.Chunk);
        var bytes = await blobs.Read(name, cancellationToken) ?? throw new SanaException($"{blobs.Place} has no {name} any more; send the batch again.");
        return BatchLine.ReadAll(bytes);
    }

    private static UploadedBatchLine Row(BatchFileRequest batch, BatchLine line, UploadedBatchAnswer answer) => new(RowId(batch, line), line.CustomId, answer, null);

    private static string RowId(BatchFileRequest batch, BatchLine line) => $"batch_req_{BatchFiles.Job(batch.Id, line.Number)[BatchFiles.IdPrefix.Length..]}";

    private sealed record RefusedLine(int Line, int Status, OpenAIError Error);
}
