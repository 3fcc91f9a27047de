using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;
using Sana.Jobs.Http;

namespace Sana.Functions.Http;

/// <summary>Outputs, by the signed links that answers hold: whoever fetches an image's URL sends nothing but the URL, so no key of the host is asked for.</summary>
internal sealed class BlobFunctions(Door door)
{
    [Function("GetBlob")]
    public Task<IResult> GetBlob([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "v1/blobs/{*name}")] HttpRequest request, string name, [DurableClient] DurableTaskClient durable) =>
        door.Open(request, durable, host => host.Api.Links.Opens(name, request.Query["exp"], request.Query["sig"])
            ? host.BlobDoor.Get(request, name)
            : Task.FromResult(Answer.For(request, 401)));
}
