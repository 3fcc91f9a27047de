using Microsoft.AspNetCore.Http;
using Sana.Inference.Diffusion;
using Sana.Jobs.Durable;
using Sana.Jobs.Queue;

namespace Sana.Jobs.Http;

/// <summary>The endpoints of images that OpenAI's clients call. It starts a job like any other, or joins the one that a repeat asks for, and waits for it.</summary>
public sealed class ImagesApi(ApiParts parts, JobsApi jobs)
{
    private const int BodyLimit = 1 << 20;
    private const int MaxIgnored = 32;

    private readonly RepeatedRequests _repeats = new(parts);
    private readonly JobWaiters _waiters = new(parts);

    /// <summary><c>POST /v1/images/generations</c>.</summary>
    /// <param name="request">The request: JSON, or a form with the file that a control network reads.</param>
    /// <param name="deployment">The deployment in Azure's path, <c>/openai/deployments/{name}/images/generations</c>. Default none.</param>
    public Task<IResult> Generate(HttpRequest request, string? deployment = null) => ApiResponse.Handle(request, async () =>
    {
        if (PictureForm.IsSentBy(request))
            return await FromForm(request, deployment, PictureUse.Generation);
        var key = RequestHeaders.IdempotencyKey(request.Headers["Idempotency-Key"]);
        var body = await ApiJson.Body(request, BodyLimit);
        var repeat = key is null ? RepeatedRequest.Of(request, body.Span) : null;
        return await Answer(request, new ImagesRequestReader(ApiJson.Parse<ImagesRequest>(body.Span), deployment) { ShowsPreviews = ShowsPreviews }, key, repeat);
    });

    /// <summary><c>POST /v1/images/edits</c>: a picture that a prompt changes, or that is painted where its mask leaves it open.</summary>
    /// <param name="request">The request, a form with files.</param>
    /// <param name="deployment">As for <see cref="Generate"/>.</param>
    public Task<IResult> Edit(HttpRequest request, string? deployment = null) => ApiResponse.Handle(request, () => FromForm(request, deployment, PictureUse.Edit));

    /// <summary><c>POST /v1/images/variations</c>: pictures like another one, without words.</summary>
    /// <param name="request">The request, a form with a file.</param>
    /// <param name="deployment">As for <see cref="Generate"/>.</param>
    public Task<IResult> Vary(HttpRequest request, string? deployment = null) => ApiResponse.Handle(request, () => FromForm(request, deployment, PictureUse.Variation));

    // What is not done yet has not been judged.
    private bool ShowsPreviews => parts.Model()?.Gate?.HasLimits != true;

    private async Task<IResult> FromForm(HttpRequest request, string? deployment, PictureUse use)
    {
        var key = RequestHeaders.IdempotencyKey(request.Headers["Idempotency-Key"]);
        var form = await PictureForm.Read(request, parts.MaxUpload, use);
        return await Answer(request, new ImagesRequestReader(form.Asked, deployment, form.Start, form.Control) { ShowsPreviews = ShowsPreviews }, key, key is null ? RepeatedRequest.Of(request, form.Said) : null);
    }

    private async Task<IResult> Answer(HttpRequest request, ImagesRequestReader asked, string? key, RepeatedRequest? repeat)
    {
        NameIgnored(request.HttpContext.Response, asked.Ignored);
        var wait = await Begin(request, asked, key, repeat);
        var answers = new ImageAnswers(request, parts, asked, wait.Message);
        return asked.IsStreamed
            ? new EventStream(parts.Clock, cancellation => Stream(answers, wait, cancellation))
            : ApiJson.Result(await answers.Whole(await Outcome(wait, request.HttpContext.RequestAborted), request.HttpContext.RequestAborted));
    }

    private async Task<ImageWait> Begin(HttpRequest request, ImagesRequestReader asked, string? key, RepeatedRequest? repeat)
    {
        var aborted = request.HttpContext.RequestAborted;
        var joined = repeat is { Count: > 0 } ? await _repeats.Find(repeat, aborted) : null;
        if (joined is not null && !_waiters.Enter(joined))
            joined = null;
        var id = joined ?? (key is null ? JobRequestValidator.NewId() : JobRequestValidator.IdOf(key));
        if (joined is null && key is null)
            _waiters.Enter(id);
        try
        {
            // Before the job is there: a repeat that comes meanwhile waits for it.
            if (repeat is not null)
                await _repeats.Remember(repeat, id);
            var (instance, message) = await jobs.Start(id, asked.Job(id), needsWorker: true, asked.NameOf, aborted, asked.Files);
            return new ImageWait(instance, message, IsByKey: key is not null, repeat?.Count);
        }
        catch
        {
            if (key is null)
                _waiters.Leave(id);
            throw;
        }
    }

    /// <summary>The result of a job, once it has ended well. Whoever stops waiting ends a job that nobody can ask for again.</summary>
    private async Task<JobResult> Outcome(ImageWait wait, CancellationToken aborted)
    {
        var hasLeft = wait.IsByKey;
        try
        {
            var instance = await jobs.WaitFor(wait.Instance, parts.ImagesTimeout, aborted);
            if (!instance.IsFinished)
            {
                hasLeft = true;
                throw await GiveUp(wait);
            }

            var result = await jobs.Result(wait.Id, aborted) ?? throw new ApiException(500, "failed", instance.Error ?? "The job has no result.") { JobId = wait.Id };
            return result.Status == JobStatus.Succeeded ? result : throw Failed(result);
        }
        catch (OperationCanceledException) when (!wait.IsByKey && parts.CancelsWhenAborted)
        {
            hasLeft = true;
            await _waiters.LeaveOrCancel(wait.Instance, "the client hung up", RepeatedRequest.PauseBefore(wait.Repeats));
            throw;
        }
        finally
        {
            if (!hasLeft)
                _waiters.Leave(wait.Id);
        }
    }

    /// <summary>The wait is over, or the server stops.</summary>
    private async Task<ApiException> GiveUp(ImageWait wait)
    {
        var stops = parts.Stopping.IsCancellationRequested;
        var why = stops ? "The server is stopping" : $"The images were not made within {parts.ImagesTimeout.TotalSeconds:0} s ({parts.ImagesTimeoutSetting})";
        if (!wait.IsByKey)
            await _waiters.LeaveOrCancel(wait.Instance, stops ? "the server stopped" : "nobody waits any more", TimeSpan.Zero);
        var (sentence, retry) = wait.IsByKey
            ? ($"{why}. Job {wait.Id} goes on: ask again with the same Idempotency-Key, or GET /v1/jobs/{wait.Id}.", (bool?)null)
            : ($"{why}, and job {wait.Id} was canceled with the wait. {(stops ? "Ask again." : "To keep it, send an Idempotency-Key, or ask for it with PUT /v1/jobs/{id}.")}", stops ? null : false);
        return new ApiException(503, stops ? "stopping" : "timeout", sentence) { RetryAfter = TimeSpan.FromSeconds(10), JobId = wait.Id, ShouldRetry = retry };
    }

    /// <summary>What a job that did not succeed is answered with.</summary>
    internal static ApiException Failed(JobResult result) => result.Error switch
    {
        { Code: SanaPipeline.TooLong } => new ApiException(400, SanaPipeline.TooLong, "The prompt has more tokens than the network reads; shorten it, or send long_prompts: cut to have its end left out.") { Field = "prompt" },
        { Code: "canceled" } error => new ApiException(409, "canceled", $"Job {result.JobId} was canceled: {error.Message}.") { JobId = result.JobId, ShouldRetry = false },
        { Code: FaultReason.Policy } error when result.Images.Count > 0 => new ApiException(400, FaultReason.Policy, $"No image was within the limits of this server. {error.Message}")
        { OpenAICode = "content_policy_violation", JobId = result.JobId, ShouldRetry = false },
        { Code: FaultReason.BadInput or FaultReason.Policy } error => new ApiException(400, error.Code, error.Message) { JobId = result.JobId },
        { } error => new ApiException(500, error.Code, error.Message) { JobId = result.JobId },
        null => new ApiException(500, "image_invalid", "No usable image came out.") { JobId = result.JobId },
    };

    private async IAsyncEnumerable<StreamEvent> Stream(ImageAnswers answers, ImageWait wait, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken aborted)
    {
        var outcome = Outcome(wait, aborted);
        await foreach (var preview in answers.Partial(outcome, aborted))
            yield return StreamEvent.Of(preview.Type, preview);
        await foreach (var made in answers.OneByOne(await outcome, aborted))
            yield return StreamEvent.Of(made.Type, made);
    }

    private static void NameIgnored(HttpResponse response, IReadOnlyList<string> ignored)
    {
        if (ignored.Count == 0)
            return;
        var more = ignored.Count > MaxIgnored ? $", and {ignored.Count - MaxIgnored} more" : "";
        response.Headers["x-ignored-fields"] = string.Join(", ", ignored.Take(MaxIgnored).Select(Uri.EscapeDataString)) + more;
    }
}

/// <summary>A request that waits for a job.</summary>
/// <param name="Instance">The instance as it stood at first.</param>
/// <param name="Message">What was asked for.</param>
/// <param name="IsByKey">The caller has a key to ask again with: the job does not end with the wait.</param>
/// <param name="Repeats">Which repeat this is, for clients that count them.</param>
internal sealed record ImageWait(WorkflowInstance Instance, JobMessage Message, bool IsByKey, int? Repeats)
{
    public string Id => Message.JobId;
}
