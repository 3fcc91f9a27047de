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

    internal BatchesApi(ApiParts parts, Admission admission) => (_parts, _admission) = (parts, admission);

    /// <summary><c>POST /v1/batches</c>: 202. An <c>Idempotency-Key</c> makes a repeat find the first.</summary>
    public Task<IResult> Post(HttpRequest request) => ApiResponse.Handle(request, async () =>
    {
        var key = RequestHeaders.IdempotencyKey(request.Headers["Idempotency-Key"]);
        return await Ask(request, key is null ? JobRequestValidator.NewId() : JobRequestValidator.IdOf(key), await Read(request));
    });

    /// <summary><c>PUT /v1/batches/{id}</c>: the same, under the client's own id.</summary>
    public Task<IResult> Put(HttpRequest request, string id) => ApiResponse.Handle(request, async () =>
        await Ask(request, BatchRequestValidator.CheckId(id), await Read(request)));

    /// <summary><c>GET /v1/batches</c>: newest first.</summary>
    public Task<IResult> List(HttpRequest request) => ApiResponse.Handle(request, async () =>
    {
        var found = await _parts.Workflows.List("generate-", JobsApi.Number(request, "limit", 100, 1, 1000), JobsApi.Number(request, "skip", 0, 0, 1_000_000));
        return ApiJson.Result(new BatchPage([.. found.Select(batch => View(request, batch))]));
    });

    /// <summary><c>GET /v1/batches/{id}</c>.</summary>
    public Task<IResult> Get(HttpRequest request, string id) => ApiResponse.Handle(request, async () => Show(request, await Find(id)));

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

    private static async Task<BatchRequest> Read(HttpRequest request)
    {
        try
        {
            return await ApiJson.Read<BatchRequest>(request, BodyLimit);
        }
        catch (ApiException fault) when (fault.Field is "input_file_id" or "endpoint" or "completion_window")
        {
            throw ApiException.Invalid(fault.Field, "OpenAI's batches of uploaded files (input_file_id) are not there yet; a batch here has its prompts in the body: {\"prompts\": [\"a red bicycle\"], \"seeds\": [1, 2]}.");
        }
    }

    private Task<IResult> Steer(HttpRequest request, string id, Func<string, Task<bool>> steer, string done) => ApiResponse.Handle(request, async () =>
    {
        var instance = await Find(id);
        return await steer(instance.Id) ? Show(request, await Find(id)) : throw ApiException.Conflict($"The batch is {RunViews.StatusOf(instance)} and cannot be {done}.", id);
    });

    private async Task<IResult> Ask(HttpRequest request, string id, BatchRequest asked)
    {
        var cancellation = request.HttpContext.RequestAborted;
        var job = BatchRequestValidator.Job(asked, id, _parts);
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

    private async Task<WorkflowInstance> Find(string id) => await _parts.Workflows.Get(Instance(BatchRequestValidator.CheckId(id))) ?? throw ApiException.NotFound($"There is no batch {id}.");

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
