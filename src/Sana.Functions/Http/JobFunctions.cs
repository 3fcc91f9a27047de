using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;

namespace Sana.Functions.Http;

/// <summary>Jobs, and the door of OpenAI's clients. The same paths as <c>sana serve</c>; the host asks for its own key.</summary>
internal sealed class JobFunctions(Door door)
{
    [Function("PostImages")]
    public Task<IResult> PostImages([HttpTrigger(AuthorizationLevel.Function, "post", Route = "v1/images/generations")] HttpRequest request, [DurableClient] DurableTaskClient durable) =>
        door.Open(request, durable, host => host.Images.Generate(request));

    [Function("PostJob")]
    public Task<IResult> PostJob([HttpTrigger(AuthorizationLevel.Function, "post", Route = "v1/jobs")] HttpRequest request, [DurableClient] DurableTaskClient durable) =>
        door.Open(request, durable, host => host.Jobs.Post(request));

    [Function("PutJob")]
    public Task<IResult> PutJob([HttpTrigger(AuthorizationLevel.Function, "put", Route = "v1/jobs/{id}")] HttpRequest request, string id, [DurableClient] DurableTaskClient durable) =>
        door.Open(request, durable, host => host.Jobs.Put(request, id));

    [Function("ListJobs")]
    public Task<IResult> ListJobs([HttpTrigger(AuthorizationLevel.Function, "get", Route = "v1/jobs")] HttpRequest request, [DurableClient] DurableTaskClient durable) =>
        door.Open(request, durable, host => host.Jobs.List(request));

    [Function("GetJob")]
    public Task<IResult> GetJob([HttpTrigger(AuthorizationLevel.Function, "get", Route = "v1/jobs/{id}")] HttpRequest request, string id, [DurableClient] DurableTaskClient durable) =>
        door.Open(request, durable, host => host.Jobs.Get(request, id));

    [Function("DeleteJob")]
    public Task<IResult> DeleteJob([HttpTrigger(AuthorizationLevel.Function, "delete", Route = "v1/jobs/{id}")] HttpRequest request, string id, [DurableClient] DurableTaskClient durable) =>
        door.Open(request, durable, host => host.Jobs.Delete(request, id));
}
