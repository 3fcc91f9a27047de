using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Sana.Jobs.Control;
using Sana.Jobs.Durable;
using Sana.Jobs.Generation;

namespace Sana.Jobs.Http;

/// <summary>The native API of batches: a generation run over many prompts, as <c>sana generate --prompts</c> makes it.</summary>
public sealed class BatchesApi
{
    private const int BodyLimit = 32 << 20;
    private const int MaxReport = 1000;

    private readonly ApiParts _parts;
    private readonly Admission _admission;
    private readonly UploadedBatchesApi _uploaded;

    internal BatchesApi(ApiParts parts, Admission admission, UploadedBatchesApi uploaded) => (_parts, _admission, _uploaded) = (parts, admission, uploaded);

    /// <summary><c>POST /v1/batches</c>: 202; a body with <c>input_file_id</c> asks for OpenAI's batch, 200. An <c>Idempotency-Key</c> makes a repeat find the first.</summary>
    public Task<IResult> Post(HttpRequest request) => ApiResponse.Handle(request, async () =>
    {
        var key = RequestHeaders.IdempotencyKey(request.Headers["Idempotency-Key"]);
        var body = await ApiJson.Body(request, BodyLimit);
        return UploadedBatchesApi.IsAskedFor(body.Span)
            ? await _uploaded.Ask(request, key, body)
            : await Ask(request, key is null ? JobRequestValidator.NewId() : JobRequestValidator.IdOf(key), ApiJson.Parse<BatchRequest>(body.Span));
    });

    /// <summary><c>PUT /v1/batches/{id}</c>: the same, under the client's own id.</summary>
    public Task<IResult> Put(HttpRequest request, string id) => ApiResponse.Handle(request, async () =>
        await Ask(request, BatchRequestValidator.CheckId(id), await ApiJson.Read<BatchRequest>(request, BodyLimit)));

    /// <summary>
    /// <c>GET /v1/batches</c>: newest first, those of prompts as <c>batches</c> (<c>limit</c> 100 by default, <c>skip</c>) and those of uploaded files as <c>data</c> (<c>limit</c> 20 by default and 100 at
    /// most, <c>after</c>). With <c>after</c> the latter alone: who asks for it turns their pages.
    /// </summary>
    public Task<IResult> List(HttpRequest request) => ApiResponse.Handle(request, async () =>
    {
        var (limit, skip) = (JobsApi.Number(request, "limit", 0, 1, 1000), JobsApi.Number(request, "skip", 0, 0, 1_000_000));
        var after = (string?)request.Query["after"] is { Length: > 0 } given ? given : null;
        var found = after is null ? await _parts.Workflows.List("generate-", limit == 0 ? 100 : limit, skip) : [];
        var (data, hasMore) = await _uploaded.List(limit == 0 ? 20 : Math.Min(limit, 100), after, request.HttpContext.RequestAborted);
        return ApiJson.Result(new BatchPage([.. found.Select(batch => View(request, batch))], data, hasMore));
    });

    /// <summary><c>GET /v1/batches/{id}</c>.</summary>
    public Task<IResult> Get(HttpRequest request, string id) => ApiResponse.Handle(request, async () =>
        UploadedBatchesApi.IsId(id) ? await _uploaded.Show(request, id) : Show(request, await Find(id)));

    /// <summary><c>DELETE /v1/batches/{id}</c>: asks a batch to stop; what it made stays. 202, or 409 when it has ended.</summary>
    public Task<IResult> Delete(HttpRequest request, string id) => Steer(request, id, instance => _parts.Workflows.Cancel(instance, "canceled by request"), "canceled");

    /// <summary><c>POST /v1/batches/{id}/suspend</c>: what is rendered ends, nothing new begins. 202, or 409 when it does not run.</summary>
    public Task<IResult> Suspend(HttpRequest request, string id) => Steer(request, id, _parts.Workflows.Suspend, "suspended");

    /// <summary><c>POST /v1/batches/{id}/resume</c>: goes on with a batch that is suspended, failed or canceled. 202, or 409 for another.</summary>
    public Task<IResult> Resume(HttpRequest request, string id) => Steer(request, id, instance => RunControl.Resume(_parts.Workflows, instance), "resumed");

    /// <summary><c>POST /v1/batches/{id}/retry?reason=oom</c>: makes the images again that failed for these reasons, and no others. 202, or 409 while it runs.</summary>
    public Task<IResult> Retry(HttpRequest request, string id) => ApiResponse.Handle(request, async () =>
    {
        var reasons = RequestQuery.Reasons(request);
        var instance = await Find(id);
        if (!instance.IsFinished)
            throw ApiException.Conflict("The batch still runs; try again when it has ended.", id);
        await _admission.Enter(needsWorker: false, request.HttpContext.RequestAborted);
        if (!await RunControl.Retry(_parts.Workflows, instance.Id, reasons))
            throw ApiException.Conflict("The batch is being tried again already.", id);
        return Show(request, await Find(id));
    });

    /// <summary><c>GET /v1/batches/{id}/report</c>: the manifest and the items that did not come out; <c>?status=</c> for others, <c>?limit=</c> and <c>?skip=</c>. 409 while it runs.</summary>
    public Task<IResult> Report(HttpRequest request, string id) => ApiResponse.Handle(request, async () =>
    {
        var instance = await Find(id);
        var cancellation = request.HttpContext.RequestAborted;
        var (limit, skip) = (JobsApi.Number(request, "limit", 100, 1, MaxReport), JobsApi.Number(request, "skip", 0, 0, int.MaxValue));
        var status = (string?)request.Query["status"];
        if (instance.Status != WorkflowStatus.Completed || await _parts.Blobs.Read(instance.ReadOutput<GenerateSummary>().Manifest, cancellation) is not { } bytes)
            throw ApiException.Conflict($"The batch is {RunViews.StatusOf(instance)}: it has no report yet.", id);
        using var manifest = JsonDocument.Parse(bytes);
        var items = new List<JsonElement>();
        await foreach (var row in Rows(manifest.RootElement, cancellation))
        {
            var mine = row.GetProperty("status").GetString();
            if (status is null ? mine == "succeeded" : mine != status)
                continue;
            if (skip-- > 0)
                continue;
            items.Add(row);
            if (items.Count > limit)
                break;
        }

        return ApiJson.Result(new BatchReport(manifest.RootElement.Clone(), items.Count > limit ? items[..limit] : items, items.Count > limit));
    });

    private Task<IResult> Steer(HttpRequest request, string id, Func<string, Task<bool>> steer, string done) => ApiResponse.Handle(request, async () =>
    {
        var instance = await Find(id);
        return await steer(instance.Id) ? Show(request, await Find(id)) : throw ApiException.Conflict($"The batch is {RunViews.StatusOf(instance)} and cannot be {done}.", id);
    });

    private async Task<IResult> Ask(HttpRequest request, string id, BatchRequest asked)
    {
        var cancellation = request.HttpContext.RequestAborted;
        var job = BatchRequestValidator.Job(await BatchRequestValidator.WithControl(asked, _parts, request.HttpContext.RequestAborted), id, _parts);
        var instance = await _parts.Workflows.Get(Instance(id));
        if (instance is null)
            await _admission.Enter(needsWorker: false, cancellation);
        var document = await GenerateSubmission.Write(_parts.Blobs, job, cancellation);
        // An id that was asked for before is that batch, also when it was canceled: a new try is a retry or a new id.
        instance ??= (await _parts.Workflows.Start(GenerateImages.Workflow, new GenerateRequest(document, new Pace()), Instance(id))).Instance;
        return WorkflowJson.Read<GenerateRequest>(instance.Input).Job == document
            ? Show(request, instance)
            : throw ApiException.Conflict("Another batch was asked for under this id or key; take a new one.", id);
    }

    private async IAsyncEnumerable<JsonElement> Rows(JsonElement manifest, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var list in manifest.GetProperty("outcomes").EnumerateArray())
        {
            var bytes = await _parts.Blobs.Read(list.GetProperty("name").GetString()!, cancellationToken) ?? [];
            for (var start = 0; start < bytes.Length;)
            {
                var length = bytes.AsSpan(start).IndexOf((byte)'\n');
                length = length < 0 ? bytes.Length - start : length;
                if (length > 0)
                {
                    using var row = JsonDocument.Parse(bytes.AsMemory(start, length));
                    yield return row.RootElement.Clone();
                }

                start += length + 1;
            }
        }
    }

    private async Task<WorkflowInstance> Find(string id) => UploadedBatchesApi.IsId(id)
        ? throw ApiException.BadRequest("id", "A batch of an uploaded file is read with GET /v1/batches/{id} and stopped with POST /v1/batches/{id}/cancel.")
        : await _parts.Workflows.Get(Instance(BatchRequestValidator.CheckId(id))) ?? throw ApiException.NotFound($"There is no batch {id}.");

    private static IResult Show(HttpRequest request, WorkflowInstance instance)
    {
        var view = View(request, instance);
        var headers = request.HttpContext.Response.Headers;
        headers.CacheControl = "no-store";
        if (!HttpMethods.IsGet(request.Method))
            headers.Location = view.Url;
        if (!instance.IsFinished)
            headers.RetryAfter = "2";
        return ApiJson.Result(view, instance.IsFinished || HttpMethods.IsGet(request.Method) ? 200 : 202);
    }

    private static RunView View(HttpRequest request, WorkflowInstance instance)
    {
        var id = instance.Id["generate-".Length..];
        return RunViews.Of(instance, id, $"{request.PathBase}/v1/batches/{id}");
    }

    private static string Instance(string id) => $"generate-{id}";
}
