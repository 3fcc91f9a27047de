using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Sana.Jobs.Durable;
using Sana.Jobs.Requests;

namespace Sana.Jobs.Http;

/// <summary>OpenAI's batches: every line of an uploaded file is a request. They share <c>/v1/batches</c> with the native ones; their ids begin with <c>batch_</c>.</summary>
public sealed class UploadedBatchesApi
{
    private const int MaxPairs = 16;
    private const int MaxKey = 64;
    private const int MaxValue = 512;

    private readonly ApiParts _parts;
    private readonly Admission _admission;
    private readonly StoredFiles _files;

    internal UploadedBatchesApi(ApiParts parts, Admission admission) => (_parts, _admission, _files) = (parts, admission, new StoredFiles(parts.Blobs, parts.Clock));

    /// <summary><c>POST /v1/batches/{id}/cancel</c>: nothing new begins, and finished lines stay in the output.</summary>
    public Task<IResult> Cancel(HttpRequest request, string id) => ApiResponse.Handle(request, async () =>
    {
        if (!IsId(id))
            throw ApiException.NotFound("There is no uploaded batch of this id; a batch of prompts is canceled with DELETE /v1/batches/{id}.");
        var instance = await Find(id);
        if (!await _parts.Workflows.Cancel(id, "canceled by request"))
            throw ApiException.Conflict($"The batch is {State(instance).Status} and cannot be cancelled.");
        // The orchestration hears of it with its next turn; while lines are checked, when they are.
        for (var look = 0; look < 20 && State(instance) is { Status: BatchFileStatus.InProgress }; look++)
        {
            await Task.Delay(50, request.HttpContext.RequestAborted);
            instance = await Find(id);
        }

        var batch = await View(instance, request.HttpContext.RequestAborted);
        return ApiJson.Result(batch is { Status: BatchFileStatus.Validating or BatchFileStatus.InProgress }
            ? batch with { Status = BatchFileStatus.Cancelling, CancellingAt = _parts.Clock.GetUtcNow().ToUnixTimeSeconds() }
            : batch);
    });

    /// <summary>Whether it is the id of such a batch.</summary>
    internal static bool IsId(string id) => id.StartsWith(BatchFiles.IdPrefix, StringComparison.Ordinal);

    /// <summary>Whether a body asks for such a batch, and not for one of prompts.</summary>
    internal static bool IsAskedFor(ReadOnlySpan<byte> body)
    {
        try
        {
            var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = 32 });
            while (reader.Read())
            {
                if (reader is { TokenType: JsonTokenType.PropertyName, CurrentDepth: 1 } && reader.ValueTextEquals("input_file_id"u8))
                    return true;
            }
        }
        catch (JsonException)
        {
            // Told by whoever reads it next.
        }

        return false;
    }

    /// <summary>Starts a batch, or finds the one of this key.</summary>
    internal async Task<IResult> Ask(HttpRequest request, string? key, Memory<byte> body)
    {
        OpenAIPaths.Mark(request.HttpContext);
        var cancellation = request.HttpContext.RequestAborted;
        var asked = ApiJson.Parse<UploadedBatchRequest>(body.Span);
        var window = Window(asked.CompletionWindow);
        if (!BatchEndpoints.Has(asked.Endpoint))
            throw ApiException.BadRequest("endpoint", $"endpoint {Short(asked.Endpoint)} is not one of batches here; they are: {BatchEndpoints.Names}.");
        Check(asked.Metadata);
        var expiry = asked.OutputExpiresAfter is { } given ? Check("output_expires_after", given) : null;
        var (id, sha256) = (BatchFiles.IdPrefix + (key is null ? JobRequestValidator.NewId() : JobRequestValidator.IdOf(key)), JobRequestValidator.Fingerprint(asked));
        var instance = await _parts.Workflows.Get(id);
        if (instance is null)
        {
            if (await _files.Find(asked.InputFileId, cancellation) is not { } file)
                throw ApiException.BadRequest("input_file_id", $"There is no file {Short(asked.InputFileId)}; upload it with POST /v1/files and purpose batch.");
            if (file.Purpose != StoredFile.Batch)
                throw ApiException.BadRequest("input_file_id", $"File {file.Id} has the purpose {file.Purpose}; a batch is made from one of the purpose batch.");
            await _admission.Enter(needsWorker: false, cancellation);
            var now = _parts.Clock.GetUtcNow().UtcDateTime;
            var start = new BatchFileRequest(id, file.Id, asked.Endpoint, asked.CompletionWindow, now, now + window, sha256, _parts.Rules.Limits) { Metadata = asked.Metadata, OutputSeconds = expiry?.Seconds };
            instance = (await _parts.Workflows.Start(RunBatchFile.Workflow, start, id)).Instance;
        }

        return WorkflowJson.Read<BatchFileRequest>(instance.Input).Sha256 == sha256
            ? ApiJson.Result(await View(instance, cancellation))
            : throw ApiException.Conflict("Another batch was asked for under this key; take a new one.");
    }

    /// <summary>One batch.</summary>
    internal async Task<IResult> Show(HttpRequest request, string id)
    {
        request.HttpContext.Response.Headers.CacheControl = "no-store";
        return ApiJson.Result(await View(await Find(id), request.HttpContext.RequestAborted));
    }

    /// <summary>A page of them, newest first.</summary>
    internal async Task<(IReadOnlyList<UploadedBatch> Batches, bool HasMore)> List(int limit, string? after, CancellationToken cancellationToken)
    {
        if (after is not null && (!IsId(after) || await _parts.Workflows.Get(after) is null))
            throw ApiException.BadRequest("after", "after names a batch that is not there.");
        var found = await _parts.Workflows.List(BatchFiles.IdPrefix, limit + 1, after: after);
        var page = new List<UploadedBatch>();
        foreach (var instance in found.Take(limit))
            page.Add(await View(instance, cancellationToken));
        return (page, found.Count > limit);
    }

    /// <exception cref="ApiException">It is none that OpenAI's clients can ask for.</exception>
    internal static FileExpiry Check(string field, FileExpiry expiry)
    {
        if (expiry.Anchor != "created_at")
            throw ApiException.BadRequest($"{field}.anchor", $"{field}.anchor is created_at.");
        return expiry.Seconds is >= 3600 and <= 2_592_000 ? expiry : throw ApiException.BadRequest($"{field}.seconds", $"{field}.seconds is a whole number in 3600…2592000.");
    }

    /// <summary>OpenAI takes 24h alone. Images on a processor may need longer, and tests want it shorter.</summary>
    private static TimeSpan Window(string text)
    {
        var unit = text is [.., var last] ? last switch { 's' => 1, 'm' => 60, 'h' => 3600, _ => 0 } : 0;
        return unit > 0 && int.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0 && (long)number * unit <= 720 * 3600
            ? TimeSpan.FromSeconds(number * unit)
            : throw ApiException.BadRequest("completion_window", $"completion_window {Short(text)} is neither 24h nor another time in 1s…720h, such as 90s, 30m or 72h.");
    }

    private static void Check(IReadOnlyDictionary<string, string>? metadata)
    {
        if (metadata?.Count > MaxPairs)
            throw ApiException.BadRequest("metadata", $"metadata has {metadata.Count} pairs; it takes up to {MaxPairs}.");
        foreach (var (name, value) in metadata ?? new Dictionary<string, string>())
        {
            if (name.Length is 0 or > MaxKey || value.Length > MaxValue)
                throw ApiException.BadRequest("metadata", $"metadata has names of 1…{MaxKey} characters and texts of up to {MaxValue}; '{Short(name)}' is not so.");
        }
    }

    private async Task<WorkflowInstance> Find(string id) => await _parts.Workflows.Get(id) is { } instance && instance.Workflow == RunBatchFile.Workflow.Name
        ? instance
        : throw ApiException.NotFound($"There is no batch {Short(id)}.");

    private async Task<UploadedBatch> View(WorkflowInstance instance, CancellationToken cancellationToken)
    {
        var (batch, state) = (WorkflowJson.Read<BatchFileRequest>(instance.Input), State(instance));
        var ended = UnixTime.Of(state.EndedAt);
        return new UploadedBatch(
            batch.Id, batch.Endpoint, batch.InputFile, batch.Window, state.Status, UnixTime.Of(batch.CreatedAt), new UploadedBatchCounts(state.Total, state.Completed, state.Failed))
        {
            Errors = state.Status == BatchFileStatus.Failed ? new UploadedBatchErrors(await Errors(instance, batch.Id, cancellationToken)) : null,
            OutputFileId = state.OutputFile,
            ErrorFileId = state.ErrorFile,
            ExpiresAt = UnixTime.Of(batch.ExpiresAt),
            InProgressAt = UnixTime.Of(state.InProgressAt),
            FinalizingAt = UnixTime.Of(state.FinalizingAt),
            CancellingAt = UnixTime.Of(state.CancellingAt),
            CompletedAt = state.Status == BatchFileStatus.Completed ? ended : null,
            FailedAt = state.Status == BatchFileStatus.Failed ? ended : null,
            ExpiredAt = state.Status == BatchFileStatus.Expired ? ended : null,
            CancelledAt = state.Status == BatchFileStatus.Cancelled ? ended : null,
            Metadata = batch.Metadata,
        };
    }

    private async Task<IReadOnlyList<UploadedBatchError>> Errors(WorkflowInstance instance, string id, CancellationToken cancellationToken) =>
        instance.Error is { } error ? [new UploadedBatchError("server_error", error)]
        : await _parts.Blobs.Read(BatchFiles.Faults(id), cancellationToken) is { } json ? JsonSerializer.Deserialize<List<UploadedBatchError>>(json, ApiJson.Options)!
        : [];

    /// <summary>Where a batch stands: as it ended, as it last said, or before its first word.</summary>
    private static BatchFileState State(WorkflowInstance instance)
    {
        var said = instance.CustomStatus is { } status ? WorkflowJson.Read<BatchFileState>(status) : new BatchFileState(BatchFileStatus.Validating, instance.Created);
        return instance.Status switch
        {
            WorkflowStatus.Completed => instance.ReadOutput<BatchFileState>(),
            WorkflowStatus.Failed => said with { Status = BatchFileStatus.Failed, EndedAt = instance.Updated },
            WorkflowStatus.Canceled => said with { Status = BatchFileStatus.Cancelled, EndedAt = instance.Updated },
            _ => said,
        };
    }

    private static string Short(string text) => text.Length <= 64 ? text : text[..64] + "…";
}
