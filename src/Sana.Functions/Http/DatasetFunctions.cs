using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;

namespace Sana.Functions.Http;

/// <summary>Curation runs.</summary>
internal sealed class DatasetFunctions(Door door)
{
    private const string Runs = "v1/datasets/{name}/runs";
    private const string Run = "v1/datasets/{name}/runs/{version}";

    [Function("PostDatasetRun")]
    public Task<IResult> PostRun([HttpTrigger(AuthorizationLevel.Function, "post", Route = Runs)] HttpRequest request, string name, [DurableClient] DurableTaskClient durable) =>
        door.Open(request, durable, host => host.Datasets.Post(request, name));

    [Function("GetDatasetRun")]
    public Task<IResult> GetRun([HttpTrigger(AuthorizationLevel.Function, "get", Route = Run)] HttpRequest request, string name, string version, [DurableClient] DurableTaskClient durable) =>
        door.Open(request, durable, host => host.Datasets.Get(request, name, version));

    [Function("DeleteDatasetRun")]
    public Task<IResult> DeleteRun([HttpTrigger(AuthorizationLevel.Function, "delete", Route = Run)] HttpRequest request, string name, string version, [DurableClient] DurableTaskClient durable) =>
        door.Open(request, durable, host => host.Datasets.Delete(request, name, version));
}
