using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;

namespace Sana.Functions.Http;

/// <summary>Batches: generation runs.</summary>
internal sealed class BatchFunctions(Door door)
{
    [Function("PostBatch")]
    public Task<IResult> PostBatch([HttpTrigger(AuthorizationLevel.Function, "post", Route = "v1/batches")] HttpRequest request, [DurableClient] DurableTaskClient durable) =>
        door.Open(request, durable, host => host.Batches.Post(request));

    [Function("PutBatch")]
    public Task<IResult> PutBatch([HttpTrigger(AuthorizationLevel.Function, "put", Route = "v1/batches/{id}")] HttpRequest request, string id, [DurableClient] DurableTaskClient durable) =>
        door.Open(request, durable, host => host.Batches.Put(request, id));

    [Function("ListBatches")]
    public Task<IResult> ListBatches([HttpTrigger(AuthorizationLevel.Function, "get", Route = "v1/batches")] HttpRequest request, [DurableClient] DurableTaskClient durable) =>
        door.Open(request, durable, host => host.Batches.List(request));

    [Function("GetBatch")]
    public Task<IResult> GetBatch([HttpTrigger(AuthorizationLevel.Function, "get", Route = "v1/batches/{id}")] HttpRequest request, string id, [DurableClient] DurableTaskClient durable) =>
        door.Open(request, durable, host => host.Batches.Get(request, id));

    [Function("DeleteBatch")]
    public Task<IResult> DeleteBatch([HttpTrigger(AuthorizationLevel.Function, "delete", Route = "v1/batches/{id}")] HttpRequest request, string id, [DurableClient] DurableTaskClient durable) =>
        door.Open(request, durable, host => host.Batches.Delete(request, id));

    [Function("RetryBatch")]
    public Task<IResult> RetryBatch([HttpTrigger(AuthorizationLevel.Function, "post", Route = "v1/batches/{id}/retry")] HttpRequest request, string id, [DurableClient] DurableTaskClient durable) =>
        door.Open(request, durable, host => host.Batches.Retry(request, id));

    [Function("ReportBatch")]
    public Task<IResult> ReportBatch([HttpTrigger(AuthorizationLevel.Function, "get", Route = "v1/batches/{id}/report")] HttpRequest request, string id, [DurableClient] DurableTaskClient durable) =>
        door.Open(request, durable, host => host.Batches.Report(request, id));
}
