using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using Sana.Jobs.Http;
using Sana.Jobs.Worker;

namespace Sana.Local.Serve;

/// <summary>For whoever decides whether to restart this process and whether to send it requests.</summary>
internal static class Health
{
    public static void MapHealth(this IEndpointRouteBuilder app, ApiParts parts, QueueWatch queue)
    {
        app.MapGet("/healthz", () => TypedResults.Text("ok\n")).WithSummary("The process lives.").WithTags("Health");
        app.MapGet("/readyz", (HttpContext context) => Ready(context, parts.Worker?.Invoke(), queue.IsReachable))
            .WithSummary("The model is loaded and warm, and the queue answers.").WithTags("Health").Produces<Readiness>().Produces<Readiness>(503);
    }

    private static JsonHttpResult<Readiness> Ready(HttpContext context, WorkerState? worker, bool queue)
    {
        var isReady = queue && (worker is null or WorkerState.Warm);
        context.Response.Headers.CacheControl = "no-store";
        if (!isReady)
            context.Response.Headers.RetryAfter = "2";
        return TypedResults.Json(new Readiness(isReady, worker?.ToString().ToLowerInvariant(), queue ? "reachable" : "unreachable"), statusCode: isReady ? 200 : 503);
    }

    private sealed record Readiness(bool Ready, string? Worker, string Queue);
}
