using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Sana.Curation.Report;
using Sana.Inference.Diffusion;
using Sana.Jobs.Durable;
using Sana.Jobs.Http;
using Sana.Jobs.Queue;
using Sana.Jobs.Requests;
using Sana.Jobs.Schedules;
using Sana.Jobs.Telemetry;
using Sana.Jobs.Worker;

namespace Sana.Local.Serve;

/// <summary>
/// The page at <c>/</c> and the page of each run: made here whole from what the engine, the queue and the blobs say. They need no build, no script to be read and nothing from elsewhere. What they
/// show is read once a second, however many look at it.
/// </summary>
internal sealed class StatusPage(ApiParts parts, QueueWatch queue, RecentWork recent, Func<JobProgress?> current, string place)
{
    private const int MaxRuns = 12;

    private static readonly TimeSpan Life = TimeSpan.FromSeconds(1);

    private readonly RunPage _runs = new(parts, queue, recent, current);
    private readonly ReadOnce<StatusView> _status = new(Life, most: 1, parts.Clock);
    private readonly ReadOnce<RunPageView?> _run = new(Life, most: 200, parts.Clock);

    /// <summary>Adds the pages to the routes.</summary>
    public void Map(IEndpointRouteBuilder app, PageSessions sessions)
    {
        app.MapGet("/", (HttpRequest request) => Show(request.HttpContext, sessions)).ExcludeFromDescription();
        app.MapGet("/runs/{id}", (HttpRequest request, string id) => ShowRun(request.HttpContext, sessions, id)).ExcludeFromDescription();
    }

    /// <summary>A page with the policy that allows it its own style and script, its images and its own server, and nothing else.</summary>
    public static IResult Answer(HttpContext context, Func<PageFrame, Html> page, bool isKeyed, int status = 200)
    {
        var nonce = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
        var (request, headers) = (context.Request, context.Response.Headers);
        headers.CacheControl = "no-store";
        headers.ContentSecurityPolicy =
            $"default-src 'none'; img-src 'self' data:; connect-src 'self'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
        var frame = new PageFrame(request.PathBase, $"{request.Scheme}://{request.Host}{request.PathBase}/v1", isKeyed, nonce);
        return TypedResults.Text(page(frame).Text, "text/html; charset=utf-8", statusCode: status);
    }

    private async Task<IResult> Show(HttpContext context, PageSessions sessions)
    {
        var view = await _status.Get("", Read);
        sessions.Keep(context);
        return Answer(context, frame => StatusMarkup.Page(view, frame), sessions.IsKeyed);
    }

    private async Task<IResult> ShowRun(HttpContext context, PageSessions sessions, string id)
    {
        var (chunk, from) = (RunPage.Place(context.Request.Query["part"]), RunPage.Place(context.Request.Query["from"]));
        var view = await _run.Get($"{chunk} {from} {id}", () => _runs.Read(id, chunk, from));
        sessions.Keep(context);
        return view is null
            ? Answer(context, frame => RunMarkup.Missing(id, frame), sessions.IsKeyed, status: 404)
            : Answer(context, frame => RunMarkup.Page(view, frame), sessions.IsKeyed);
    }

    private async Task<StatusView> Read() => new()
    {
        Model = parts.Model()?.ModelName,
        Defaults = Defaults(),
        Device = parts.Device,
        Place = place,
        Now = parts.Clock.GetUtcNow().UtcDateTime,
        Worker = parts.Worker?.Invoke(),
        Current = current()?.Step,
        Queue = queue.Counts,
        IsQueueReachable = queue.IsReachable,
        MaxQueued = parts.MaxQueued,
        PerMinute = recent.PerMinute,
        Images = recent.Images,
        Runs = await Runs(),
        Rendering = parts.Rendering(),
        Settled = recent.Settled,
        Schedules = [.. await parts.Workflows.List(ScheduleActivities.Instance(""), 50, isFinished: false)],
        Failures = recent.Failures,
        Mismatch = parts.Mismatch(),
    };

    private GenerateOptions? Defaults()
    {
        try
        {
            return parts.Model()?.Resolve(new GenerateOptions());
        }
        catch (Inference.InferenceException)
        {
            // The form has no numbers to suggest; a request is told why.
            return null;
        }
    }

    /// <summary>Whole runs first; single jobs fill what is left.</summary>
    private async Task<IReadOnlyList<TitledRun>> Runs()
    {
        var runs = (await Find("generate-", MaxRuns)).Concat(await Find("curate-", MaxRuns)).OrderByDescending(run => !run.IsFinished).ThenByDescending(run => run.Created).Take(MaxRuns).ToList();
        var titled = new List<TitledRun>();
        foreach (var run in runs.Concat((await Find(RequestedJobs.Instance(""), MaxRuns)).Take(Math.Max(5, MaxRuns - runs.Count))))
            titled.Add(new TitledRun(run, await _runs.Titles.Of(run, CancellationToken.None)));
        return titled;
    }

    private Task<IReadOnlyList<WorkflowInstance>> Find(string prefix, int limit) => parts.Workflows.List(prefix, limit);
}

/// <summary>What every page has.</summary>
/// <param name="Root">What stands before the paths of this server, behind a proxy that adds something; else empty.</param>
/// <param name="BaseUrl">Where clients find the API, as this request found the page.</param>
/// <param name="IsKeyed">A key is asked for.</param>
/// <param name="Nonce">Of its style and script.</param>
internal sealed record PageFrame(string Root, string BaseUrl, bool IsKeyed, string Nonce);

/// <summary>An instance and what people call it.</summary>
internal sealed record TitledRun(WorkflowInstance Run, string? Title);

/// <summary>What the status page shows, at one moment.</summary>
internal sealed record StatusView
{
    public required string? Model { get; init; }

    /// <summary>What a request without numbers gets; null while the model is not known.</summary>
    public required GenerateOptions? Defaults { get; init; }

    public required string Device { get; init; }

    public required string Place { get; init; }

    public required DateTime Now { get; init; }

    public required WorkerState? Worker { get; init; }

    public required GenerateProgress? Current { get; init; }

    public required QueueCounts Queue { get; init; }

    public required bool IsQueueReachable { get; init; }

    public required int MaxQueued { get; init; }

    public required IReadOnlyList<int> PerMinute { get; init; }

    public required IReadOnlyList<RecentImage> Images { get; init; }

    public required IReadOnlyList<TitledRun> Runs { get; init; }

    /// <summary>The job that is being rendered.</summary>
    public required string? Rendering { get; init; }

    /// <summary>Images of a run that were settled since the start: a run itself reports after each chunk of its plan only.</summary>
    public required Func<string, long> Settled { get; init; }

    public required IReadOnlyList<WorkflowInstance> Schedules { get; init; }

    public required IReadOnlyDictionary<string, long> Failures { get; init; }

    public string? Mismatch { get; init; }
}
