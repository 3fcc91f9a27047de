using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;
using Sana.Jobs.Worker;

namespace Sana.Functions;

/// <summary>Liveness and readiness of the app. Both roles answer.</summary>
internal sealed class HealthFunctions(FunctionsSettings settings, AppJobs jobs, TimeProvider clock, IServiceProvider services)
{
    // A gpu app shows its card every five minutes. One that was scaled to zero shows none, and that is no fault while no job waits.
    private static readonly TimeSpan _oldCard = TimeSpan.FromMinutes(15);

    [Function("Healthz")]
    public static IResult Live([HttpTrigger(AuthorizationLevel.Anonymous, "get", "head", Route = "healthz")] HttpRequest request) => TypedResults.Text("ok\n");

    /// <summary>
    /// Storage and queue open; of the gpu role, the device it was told to use rendered an image. A GPU that is not there is not ready, never a slow processor instead. The orchestrator also
    /// says which model a gpu app last showed, and in a sentence what is wrong when none does: that is for people, a restart of the orchestrator does not cure it.
    /// </summary>
    [Function("Readyz")]
    public async Task<IResult> Ready([HttpTrigger(AuthorizationLevel.Anonymous, "get", "head", Route = "readyz")] HttpRequest request)
    {
        var worker = settings.IsGpu ? services.GetService(typeof(WarmUp)) as WarmUp : null;
        var (isOpen, model, left) = (true, default(ShownModel), default(string));
        try
        {
            var parts = await jobs.Get(request.HttpContext.RequestAborted);
            left = settings.IsGpu ? parts.Jobs.Handler.Left.Sentence : null;
            model = settings.IsOrchestrator ? await Model(parts, request.HttpContext.RequestAborted) : null;
        }
        catch (SanaException)
        {
            isOpen = false;
        }

        var isReady = isOpen && worker is null or { State: WorkerState.Warm };
        request.HttpContext.Response.Headers.CacheControl = "no-store";
        return TypedResults.Json(
            new Readiness(
                isReady, settings.Role, worker?.State.ToString().ToLowerInvariant(), worker is null ? null : settings.Device, isOpen ? "open" : "unreachable", model?.Name, model?.At, model?.Sentence ?? left),
            statusCode: isReady ? 200 : 503);
    }

    private async Task<ShownModel> Model(OpenedJobs parts, CancellationToken cancellationToken)
    {
        if (await ModelCard.Find(parts.Blobs, cancellationToken) is not { } card)
            return new ShownModel(null, null, ModelCard.Missing(parts.Blobs));
        var isOld = card.Shown is not { } shown || clock.GetUtcNow() - shown > _oldCard;
        return new ShownModel(card.ModelName, card.Shown, isOld ? await Waiting(parts, card, cancellationToken) : null);
    }

    private static async Task<string?> Waiting(OpenedJobs parts, ModelCard card, CancellationToken cancellationToken)
    {
        try
        {
            var since = card.Shown is { } shown ? shown.UtcDateTime.ToString("'since' yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture) : "for long";
            return (await parts.Queue.Count(cancellationToken)).Waiting is > 0 and var jobs
                ? $"{jobs} {(jobs == 1 ? "job waits" : "jobs wait")}, and no gpu app has shown its model {since}. A replica that starts needs some minutes. If this stays, look whether one is there, and what its /readyz and its log say, see docs/azure.md."
                : null;
        }
        catch (SanaException error)
        {
            // Of Service Bus the length is asked elsewhere, and the orchestrator needs no answer to work.
            return error.Message;
        }
    }

    private sealed record ShownModel(string? Name, DateTimeOffset? At, string? Sentence);

    private sealed record Readiness(bool Ready, string Role, string? Worker, string? Device, string Storage, string? Model, DateTimeOffset? ModelShown, string? Sentence);
}
