using System.Security.Cryptography;
using Microsoft.AspNetCore.Http;
using Sana.Inference.Diffusion;
using Sana.Jobs.Durable;
using Sana.Jobs.Http;
using Sana.Jobs.Queue;
using Sana.Jobs.Requests;
using Sana.Jobs.Schedules;
using Sana.Jobs.Telemetry;
using Sana.Jobs.Worker;

namespace Sana.Local.Serve;

/// <summary>The page at <c>/</c>: made here whole, at each request, from what the engine, the queue and the newest blobs say. It needs no build, no script to be read and nothing from elsewhere.</summary>
internal sealed class StatusPage(ApiParts parts, QueueWatch queue, RecentWork recent, Func<JobProgress?> current, string place)
{
    private const int MaxRuns = 12;

    public async Task<IResult> Show(HttpContext context)
    {
        var view = new StatusView
        {
            Model = parts.Model()?.ModelName,
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
            Settled = recent.Settled,
            Schedules = [.. await parts.Workflows.List(ScheduleActivities.Instance(""), 50, isFinished: false)],
            Failures = recent.Failures,
            Mismatch = parts.Mismatch(),
        };
        var nonce = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
        var headers = context.Response.Headers;
        headers.CacheControl = "no-store";
        headers.ContentSecurityPolicy =
            $"default-src 'none'; img-src 'self' data:; connect-src 'self'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
        return TypedResults.Text(StatusMarkup.Page(view, nonce).Text, "text/html; charset=utf-8");
    }

    /// <summary>Whole runs first; single jobs fill what is left.</summary>
    private async Task<IReadOnlyList<WorkflowInstance>> Runs()
    {
        var runs = (await Find("generate-", MaxRuns)).Concat(await Find("curate-", MaxRuns)).OrderByDescending(run => !run.IsFinished).ThenByDescending(run => run.Created).Take(MaxRuns).ToList();
        return [.. runs, .. (await Find(RequestedJobs.Instance(""), MaxRuns)).Take(Math.Max(5, MaxRuns - runs.Count))];
    }

    private Task<IReadOnlyList<WorkflowInstance>> Find(string prefix, int limit) => parts.Workflows.List(prefix, limit);
}

/// <summary>What the status page shows, at one moment.</summary>
internal sealed record StatusView
{
    public required string? Model { get; init; }

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

    public required IReadOnlyList<WorkflowInstance> Runs { get; init; }

    /// <summary>Images of a run that were settled since the start: a run itself reports after each chunk of its plan only.</summary>
    public required Func<string, long> Settled { get; init; }

    public required IReadOnlyList<WorkflowInstance> Schedules { get; init; }

    public required IReadOnlyDictionary<string, long> Failures { get; init; }

    public string? Mismatch { get; init; }
}
