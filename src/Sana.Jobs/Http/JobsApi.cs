using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Sana.Jobs.Control;
using Sana.Jobs.Durable;
using Sana.Jobs.Generation;
using Sana.Jobs.Queue;
using Sana.Jobs.Requests;

namespace Sana.Jobs.Http;

/// <summary>The native API of jobs. Every method is one request; a host maps routes to them and adds keys.</summary>
public sealed class JobsApi
{
    private const int BodyLimit = 1 << 20;

    private readonly ApiParts _parts;
    private readonly Admission _admission;

    internal JobsApi(ApiParts parts, Admission admission) => (_parts, _admission) = (parts, admission);

    /// <summary><c>POST /v1/jobs</c>: 202, or 200 when the client waits and the job ends in time. An <c>Idempotency-Key</c> makes a repeat find the first.</summary>
    public Task<IResult> Post(HttpRequest request) => ApiResponse.Handle(request, async () =>
    {
        var key = RequestHeaders.IdempotencyKey(request.Headers["Idempotency-Key"]);
        var asked = await ApiJson.Read<JobRequest>(request, BodyLimit);
        return await Ask(request, key is null ? JobRequestValidator.NewId() : JobRequestValidator.IdOf(key), asked);
    });

    /// <summary><c>PUT /v1/jobs/{id}</c>: the same, under the client's own id.</summary>
    public Task<IResult> Put(HttpRequest request, string id) => ApiResponse.Handle(request, async () =>
        await Ask(request, JobRequestValidator.CheckNewId(id), await ApiJson.Read<JobRequest>(request, BodyLimit)));

    /// <summary><c>GET /v1/jobs/{id}</c>.</summary>
    public Task<IResult> Get(HttpRequest request, string id) => ApiResponse.Handle(request, async () =>
    {
        var instance = await Find(id);
        var wait = RequestHeaders.Wait(request.Headers["Prefer"]);
        return await Show(request, instance.IsFinished ? instance : await WaitFor(instance, wait, request.HttpContext.RequestAborted), statusWhenOpen: 200);
    });

    /// <summary><c>DELETE /v1/jobs/{id}</c>: asks a job to stop. 202, or 409 when it has ended.</summary>
    public Task<IResult> Delete(HttpRequest request, string id) => ApiResponse.Handle(request, async () =>
    {
        var instance = await Find(id);
        if (!await _parts.Workflows.Cancel(instance.Id, "canceled by request"))
            throw ApiException.Conflict($"The job is {StatusOf(instance)} and cannot be canceled.", id);
        return await Show(request, await WaitFor(instance, TimeSpan.FromSeconds(2), request.HttpContext.RequestAborted), statusWhenOpen: 202);
    });

    /// <summary><c>POST /v1/jobs/{id}/suspend</c>: a job that waits is not begun until it is resumed; one that is being rendered is rendered to its end. 202, or 409 when it has ended.</summary>
    public Task<IResult> Suspend(HttpRequest request, string id) => Steer(request, id, _parts.Workflows.Suspend, "suspended");

    /// <summary><c>POST /v1/jobs/{id}/resume</c>: 202, or 409 when the job is not suspended.</summary>
    public Task<IResult> Resume(HttpRequest request, string id) => Steer(request, id, instance => RunControl.Resume(_parts.Workflows, instance), "resumed");

    /// <summary><c>GET /v1/jobs</c>: newest first, <c>?limit=</c> 1…1000 and <c>?skip=</c>.</summary>
    public Task<IResult> List(HttpRequest request) => ApiResponse.Handle(request, async () =>
    {
        var found = await _parts.Workflows.List(RequestedJobs.Instance(""), Number(request, "limit", 100, 1, 1000), Number(request, "skip", 0, 0, 1_000_000));
        return ApiJson.Result(new JobPage([.. found.Select(job => new JobLine(IdOf(job), Status(job), job.Created, job.Updated, Url(request, IdOf(job))))]));
    });

    /// <summary>Starts a job, or finds the one of this id.</summary>
    /// <param name="id">Of the job.</param>
    /// <param name="asked">What is asked for.</param>
    /// <param name="needsWorker">The client waits: without a warm worker it is answered 503.</param>
    /// <param name="name">From a field of <paramref name="asked"/> to what the caller calls it, for errors; null for the same.</param>
    /// <param name="cancellationToken">Stops the attempt.</param>
    /// <param name="files">The pictures that it names, written once there is room for the job.</param>
    internal async Task<(WorkflowInstance Instance, JobMessage Message)> Start(
        string id, JobRequest asked, bool needsWorker, Func<string, string>? name, CancellationToken cancellationToken, IReadOnlyList<byte[]>? files = null)
    {
        var sha256 = JobRequestValidator.Fingerprint(asked);
        // A repeat finds its job before anything is judged: what was good then may be too late by now.
        if (await _parts.Workflows.Get(RequestedJobs.Instance(id)) is { } known && Same(known, sha256) is var same)
            return (same, await Asked(same, cancellationToken) ?? throw ApiException.NotFound($"The request of job {id} is not there any more."));
        // The journal forgets sooner than the results, and may have been moved away: a result says what it is of.
        if (await Result(id, cancellationToken) is { } old && old.RequestSha256 != sha256)
            throw ApiException.Conflict($"Another job was asked for under this id or key, and its result, {RequestedJobs.Result(id)}, is still there; take a new one.", id);
        var message = new JobRequestValidator(_parts.Rules, name).Message(id, asked, Activity.Current?.Id);
        var ticket = JobRequestValidator.Ticket(message);
        await _admission.Enter(needsWorker, cancellationToken);
        if (files is not null)
            await StartImages.Write(_parts.Blobs, files, cancellationToken);
        await _parts.Blobs.PutIfAbsent(ticket.Message, JsonSerializer.SerializeToUtf8Bytes(message, ApiJson.Options), cancellationToken);
        var outcome = await _parts.Workflows.Start(RunJob.Workflow, ticket, RequestedJobs.Instance(id));
        return (outcome.IsNew ? outcome.Instance : Same(outcome.Instance, ticket.Sha256), message);
    }

    /// <summary>The instance when it has ended, the time is over or the server stops.</summary>
    internal async Task<WorkflowInstance> WaitFor(WorkflowInstance instance, TimeSpan time, CancellationToken cancellationToken)
    {
        if (time == TimeSpan.Zero || instance.IsFinished)
            return instance;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _parts.Stopping);
        limit.CancelAfter(time);
        try
        {
            return await _parts.Workflows.Wait(instance.Id, limit.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return await _parts.Workflows.Get(instance.Id) ?? instance;
        }
    }

    /// <summary>The result document of a job, or null.</summary>
    internal async Task<JobResult?> Result(string id, CancellationToken cancellationToken) =>
        await _parts.Blobs.Read(RequestedJobs.Result(id), cancellationToken) is { } bytes ? JobResult.Parse(bytes) : null;

    private async Task<IResult> Ask(HttpRequest request, string id, JobRequest asked)
    {
        var wait = RequestHeaders.Wait(request.Headers["Prefer"]);
        var (instance, _) = await Start(id, asked, needsWorker: false, name: null, request.HttpContext.RequestAborted);
        if (wait > TimeSpan.Zero)
            request.HttpContext.Response.Headers["Preference-Applied"] = string.Create(CultureInfo.InvariantCulture, $"wait={wait.TotalSeconds:0}");
        return await Show(request, await WaitFor(instance, wait, request.HttpContext.RequestAborted), statusWhenOpen: 202);
    }

    private Task<IResult> Steer(HttpRequest request, string id, Func<string, Task<bool>> steer, string done) => ApiResponse.Handle(request, async () =>
    {
        var instance = await Find(id);
        return await steer(instance.Id) ? await Show(request, await Find(id), statusWhenOpen: 202) : throw ApiException.Conflict($"The job is {StatusOf(instance)} and cannot be {done}.", id);
    });

    private async Task<WorkflowInstance> Find(string id) => await _parts.Workflows.Get(RequestedJobs.Instance(JobRequestValidator.CheckId(id)))
        ?? throw ApiException.NotFound($"There is no job {id}.");

    private async Task<IResult> Show(HttpRequest request, WorkflowInstance instance, int statusWhenOpen)
    {
        var (id, cancellation) = (IdOf(instance), request.HttpContext.RequestAborted);
        var message = await Asked(instance, cancellation) ?? throw ApiException.NotFound($"The request of job {id} is not there any more.");
        var result = instance.IsFinished ? await Result(id, cancellation) : null;
        if (result?.RequestSha256 is { } sha256 && sha256 != message.Sha256OfRequest())
            result = null;
        var headers = request.HttpContext.Response.Headers;
        headers.CacheControl = "no-store";
        if (statusWhenOpen == 202)
            headers.Location = Url(request, id);
        if (!instance.IsFinished)
            headers.RetryAfter = "1";
        return ApiJson.Result(View(request, instance, message, result), instance.IsFinished ? 200 : statusWhenOpen);
    }

    private JobView View(HttpRequest request, WorkflowInstance instance, JobMessage message, JobResult? result) => new()
    {
        Id = message.JobId,
        Status = result?.Status ?? Status(instance),
        Input = message.Input,
        Output = message.Output,
        CreatedAt = instance.Created,
        StartedAt = result?.StartedAt,
        CompletedAt = result?.CompletedAt,
        Attempts = result?.Attempts,
        Images = result?.Images.Select(image => ViewOf(request, image)).ToList(),
        Timings = result?.Timings,
        Error = result?.Error ?? (instance.Status == WorkflowStatus.Failed ? new JobError("failed", instance.Error ?? "", false, 0) : null),
        Url = Url(request, message.JobId),
    };

    private ImageView ViewOf(HttpRequest request, JobImage image) => new(
        image.Index, image.Seed, image.Blob, image.Blob is { } blob ? BlobsApi.Url(request, blob, _parts.Links) : null, image.Sha256, image.Bytes, image.Width, image.Height, image.Flags, image.Reason)
    { RevisedPrompt = image.RevisedPrompt, Scores = image.Scores };

    private async Task<JobMessage?> Asked(WorkflowInstance instance, CancellationToken cancellationToken) =>
        await _parts.Blobs.Read(WorkflowJson.Read<JobTicket>(instance.Input).Message, cancellationToken) is { } bytes
            ? JobMessage.Parse(Encoding.UTF8.GetString(bytes))
            : null;

    private static WorkflowInstance Same(WorkflowInstance known, string sha256) => WorkflowJson.Read<JobTicket>(known.Input).Sha256 == sha256
        ? known
        : throw ApiException.Conflict("Another job was asked for under this id or key; take a new one.", IdOf(known));

    private static string IdOf(WorkflowInstance instance) => instance.Id["job-".Length..];

    /// <summary>A status in the words of the API.</summary>
    public static string StatusOf(WorkflowInstance instance) => instance.Status switch
    {
        WorkflowStatus.Completed => instance.ReadOutput<JobEnd>().Status,
        WorkflowStatus.Failed => JobStatus.Failed,
        WorkflowStatus.Canceled => JobStatus.Canceled,
        WorkflowStatus.Suspended => JobStatus.Suspended,
        _ => JobStatus.Queued,
    };

    /// <summary>The same in a list and alone.</summary>
    private string Status(WorkflowInstance instance) => !instance.IsFinished && _parts.Rendering() == IdOf(instance) ? JobStatus.Processing : StatusOf(instance);

    private static string Url(HttpRequest request, string id) => $"{request.PathBase}/v1/jobs/{id}";

    internal static int Number(HttpRequest request, string name, int byDefault, int least, int most)
    {
        if (request.Query[name] is not [{ } text])
            return byDefault;
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most
            ? number
            : throw ApiException.BadRequest(name, $"{name} is a whole number in {least}…{most}.");
    }
}
