using Microsoft.AspNetCore.Http;
using Microsoft.DurableTask.Client;
using Sana.Functions.Durable;
using Sana.Functions.Hosting;
using Sana.Jobs.Http;

namespace Sana.Functions.Http;

/// <summary>From a request to the handlers that both hosts share.</summary>
internal sealed class Door(Wiring wiring, EngineSlot engine, FunctionsSettings settings)
{
    public async Task<IResult> Open(HttpRequest request, DurableTaskClient durable, Func<HostParts, Task<IResult>> handle)
    {
        engine.Use(durable);
        if (settings.Hostname is { } name)
            (request.Scheme, request.Host) = (name.StartsWith("localhost", StringComparison.Ordinal) ? "http" : "https", new HostString(name));
        // Storage that does not answer, or a configuration that cannot be used, is told. The next request tries again.
        return await Answer.To(request, async () => await handle(await wiring.Get(request.HttpContext.RequestAborted)));
    }
}
