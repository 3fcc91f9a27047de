using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;
using Sana.Functions.Hosting;
using Sana.Functions.Rendering;
using Sana.Workflows;
using Sana.Workflows.Rendering;

namespace Sana.Functions.Http;

/// <summary>For whoever decides whether to restart this app and whether it may be trusted with work. Both roles answer.</summary>
internal sealed class HealthFunctions(FunctionsSettings settings, Wiring wiring, IServiceProvider services)
{
    [Function("Healthz")]
    public static IResult Live([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "healthz")] HttpRequest request) => TypedResults.Text("ok\n");

    /// <summary>Storage and queue open; of the gpu role, the device it was told to use rendered an image. A GPU that is not there is not ready, never a slow processor instead.</summary>
    [Function("Readyz")]
    public async Task<IResult> Ready([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "readyz")] HttpRequest request)
    {
        var worker = settings.IsGpu ? services.GetService(typeof(WarmUp)) as WarmUp : null;
        var isOpen = true;
        try
        {
            await wiring.Get(request.HttpContext.RequestAborted);
        }
        catch (WorkflowException)
        {
            isOpen = false;
        }

        var isReady = isOpen && worker is null or { State: WorkerState.Warm };
        request.HttpContext.Response.Headers.CacheControl = "no-store";
        return TypedResults.Json(
            new Readiness(isReady, settings.Role, worker?.State.ToString().ToLowerInvariant(), worker is null ? null : settings.Device, isOpen ? "open" : "unreachable"),
            statusCode: isReady ? 200 : 503);
    }

    private sealed record Readiness(bool Ready, string Role, string? Worker, string? Device, string Storage);
}
