using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;
using Sana.Jobs.Http;

namespace Sana.Functions;

/// <summary>From a request to the handlers that both hosts share.</summary>
internal sealed class ApiRequests(AppJobs jobs, DurableClientHolder durableClient, FunctionsSettings settings)
{
    public async Task<IResult> Handle(HttpRequest request, DurableTaskClient durable, Func<ApiHandlers, Task<IResult>> handle)
    {
        durableClient.Use(durable);
        if (settings.PublicUrl is { } url)
            url.Apply(request);
        else if (settings.Hostname is { } name)
            (request.Scheme, request.Host) = (name.StartsWith("localhost", StringComparison.Ordinal) ? "http" : "https", new HostString(name));
        // Storage that does not answer, or a configuration that cannot be used, is told. The next request tries again.
        return await ApiResponse.Handle(request, async () => await handle((await jobs.Get(request.HttpContext.RequestAborted)).Api));
    }
}

/// <summary>Jobs, and the images endpoint of OpenAI's clients. The same paths as <c>sana serve</c>; the host asks for its own key.</summary>
internal sealed class JobFunctions(ApiRequests requests)
{
    [Function("PostImages")]
    public Task<IResult> PostImages([HttpTrigger(AuthorizationLevel.Function, "post", Route = "v1/images/generations")] HttpRequest request, [DurableClient] DurableTaskClient durable) =>
        requests.Handle(request, durable, api => api.Images.Generate(request));

    [Function("PostAzureImages")]
    public Task<IResult> PostAzureImages(
        [HttpTrigger(AuthorizationLevel.Function, "post", Route = "openai/deployments/{deployment}/images/generations")] HttpRequest request, string deployment, [DurableClient] DurableTaskClient durable) =>
        requests.Handle(request, durable, api => api.Images.Generate(request, deployment));

    [Function("PostImageEdits")]
    public Task<IResult> PostImageEdits([HttpTrigger(AuthorizationLevel.Function, "post", Route = "v1/images/edits")] HttpRequest request, [DurableClient] DurableTaskClient durable) =>
        requests.Handle(request, durable, api => api.Images.Edit(request));

    [Function("PostAzureImageEdits")]
    public Task<IResult> PostAzureImageEdits(
        [HttpTrigger(AuthorizationLevel.Function, "post", Route = "openai/deployments/{deployment}/images/edits")] HttpRequest request, string deployment, [DurableClient] DurableTaskClient durable) =>
        requests.Handle(request, durable, api => api.Images.Edit(request, deployment));

    [Function("PostImageVariations")]
    public Task<IResult> PostImageVariations([HttpTrigger(AuthorizationLevel.Function, "post", Route = "v1/images/variations")] HttpRequest request, [DurableClient] DurableTaskClient durable) =>
        requests.Handle(request, durable, api => api.Images.Vary(request));

    [Function("PostAzureImageVariations")]
    public Task<IResult> PostAzureImageVariations(
        [HttpTrigger(AuthorizationLevel.Function, "post", Route = "openai/deployments/{deployment}/images/variations")] HttpRequest request, string deployment, [DurableClient] DurableTaskClient durable) =>
        requests.Handle(request, durable, api => api.Images.Vary(request, deployment));

    [Function("ListModels")]
    public Task<IResult> ListModels([HttpTrigger(AuthorizationLevel.Function, "get", "head", Route = "v1/models")] HttpRequest request, [DurableClient] DurableTaskClient durable) =>
        requests.Handle(request, durable, api => api.Models.List(request));

    [Function("GetModel")]
    public Task<IResult> GetModel([HttpTrigger(AuthorizationLevel.Function, "get", "head", Route = "v1/models/{*id}")] HttpRequest request, string id, [DurableClient] DurableTaskClient durable) =>
        requests.Handle(request, durable, api => api.Models.Get(request, id));

    [Function("PostJob")]
    public Task<IResult> PostJob([HttpTrigger(AuthorizationLevel.Function, "post", Route = "v1/jobs")] HttpRequest request, [DurableClient] DurableTaskClient durable) =>
        requests.Handle(request, durable, api => api.Jobs.Post(request));

    [Function("PutJob")]
    public Task<IResult> PutJob([HttpTrigger(AuthorizationLevel.Function, "put", Route = "v1/jobs/{id}")] HttpRequest request, string id, [DurableClient] DurableTaskClient durable) =>
        requests.Handle(request, durable, api => api.Jobs.Put(request, id));

    [Function("ListJobs")]
    public Task<IResult> ListJobs([HttpTrigger(AuthorizationLevel.Function, "get", "head", Route = "v1/jobs")] HttpRequest request, [DurableClient] DurableTaskClient durable) =>
        requests.Handle(request, durable, api => api.Jobs.List(request));

    [Function("GetJob")]
    public Task<IResult> GetJob([HttpTrigger(AuthorizationLevel.Function, "get", "head", Route = "v1/jobs/{id}")] HttpRequest request, string id, [DurableClient] DurableTaskClient durable) =>
        requests.Handle(request, durable, api => api.Jobs.Get(request, id));

    [Function("DeleteJob")]
    public Task<IResult> DeleteJob([HttpTrigger(AuthorizationLevel.Function, "delete", Route = "v1/jobs/{id}")] HttpRequest request, string id, [DurableClient] DurableTaskClient durable) =>
        requests.Handle(request, durable, api => api.Jobs.Delete(request, id));

    [Function("SuspendJob")]
    public Task<IResult> SuspendJob([HttpTrigger(AuthorizationLevel.Function, "post", Route = "v1/jobs/{id}/suspend")] HttpRequest request, string id, [DurableClient] DurableTaskClient durable) =>
        requests.Handle(request, durable, api => api.Jobs.Suspend(request, id));

    [Function("ResumeJob")]
    public Task<IResult> ResumeJob([HttpTrigger(AuthorizationLevel.Function, "post", Route = "v1/jobs/{id}/resume")] HttpRequest request, string id, [DurableClient] DurableTaskClient durable) =>
        requests.Handle(request, durable, api => api.Jobs.Resume(request, id));
}

/// <summary>Batches: generation runs.</summary>
internal sealed class BatchFunctions(ApiRequests requests)
{
    [Function("PostBatch")]
    public Task<IResult> PostBatch([HttpTrigger(AuthorizationLevel.Function, "post", Route = "v1/batches")] HttpRequest request, [DurableClient] DurableTaskClient durable) =>
        requests.Handle(request, durable, api => api.Batches.Post(request));

    [Function("PutBatch")]
    public Task<IResult> PutBatch([HttpTrigger(AuthorizationLevel.Function, "put", Route = "v1/batches/{id}")] HttpRequest request, string id, [DurableClient] DurableTaskClient durable) =>
        requests.Handle(request, durable, api => api.Batches.Put(request, id));

    [Function("ListBatches")]
    public Task<IResult> ListBatches([HttpTrigger(AuthorizationLevel.Function, "get", "head", Route = "v1/batches")] HttpRequest request, [DurableClient] DurableTaskClient durable) =>
        requests.Handle(request, durable, api => api.Batches.List(request));

    [Function("GetBatch")]
    public Task<IResult> GetBatch([HttpTrigger(AuthorizationLevel.Function, "get", "head", Route = "v1/batches/{id}")] HttpRequest request, string id, [DurableClient] DurableTaskClient durable) =>
        requests.Handle(request, durable, api => api.Batches.Get(request, id));

    [Function("DeleteBatch")]
    public Task<IResult> DeleteBatch([HttpTrigger(AuthorizationLevel.Function, "delete", Route = "v1/batches/{id}")] HttpRequest request, string id, [DurableClient] DurableTaskClient durable) =>
        requests.Handle(request, durable, api => api.Batches.Delete(request, id));

    [Function("CancelBatch")]
    public Task<IResult> CancelBatch([HttpTrigger(AuthorizationLevel.Function, "post", Route = "v1/batches/{id}/cancel")] HttpRequest request, string id, [DurableClient] DurableTaskClient durable) =>
        requests.Handle(request, durable, api => api.UploadedBatches.Cancel(request, id));

    [Function("SuspendBatch")]
    public Task<IResult> SuspendBatch([HttpTrigger(AuthorizationLevel.Function, "post", Route = "v1/batches/{id}/suspend")] HttpRequest request, string id, [DurableClient] DurableTaskClient durable) =>
        requests.Handle(request, durable, api => api.Batches.Suspend(request, id));

    [Function("ResumeBatch")]
    public Task<IResult> ResumeBatch([HttpTrigger(AuthorizationLevel.Function, "post", Route = "v1/batches/{id}/resume")] HttpRequest request, string id, [DurableClient] DurableTaskClient durable) =>
        requests.Handle(request, durable, api => api.Batches.Resume(request, id));

    [Function("RetryBatch")]
    public Task<IResult> RetryBatch([HttpTrigger(AuthorizationLevel.Function, "post", Route = "v1/batches/{id}/retry")] HttpRequest request, string id, [DurableClient] DurableTaskClient durable) =>
        requests.Handle(request, durable, api => api.Batches.Retry(request, id));

    [Function("ReportBatch")]
    public Task<IResult> ReportBatch([HttpTrigger(AuthorizationLevel.Function, "get", "head", Route = "v1/batches/{id}/report")] HttpRequest request, string id, [DurableClient] DurableTaskClient durable) =>
        requests.Handle(request, durable, api => api.Batches.Report(request, id));
}

/// <summary>Files of OpenAI's batches.</summary>
internal sealed class FileFunctions(ApiRequests requests)
{
    [Function("PostFile")]
    public Task<IResult> PostFile([HttpTrigger(AuthorizationLevel.Function, "post", Route = "v1/files")] HttpRequest request, [DurableClient] DurableTaskClient durable) =>
        requests.Handle(request, durable, api => api.Files.Post(request));

    [Function("ListFiles")]
    public Task<IResult> ListFiles([HttpTrigger(AuthorizationLevel.Function, "get", "head", Route = "v1/files")] HttpRequest request, [DurableClient] DurableTaskClient durable) =>
        requests.Handle(request, durable, api => api.Files.List(request));

    [Function("GetFile")]
    public Task<IResult> GetFile([HttpTrigger(AuthorizationLevel.Function, "get", "head", Route = "v1/files/{id}")] HttpRequest request, string id, [DurableClient] DurableTaskClient durable) =>
        requests.Handle(request, durable, api => api.Files.Get(request, id));

    [Function("GetFileContent")]
    public Task<IResult> GetFileContent([HttpTrigger(AuthorizationLevel.Function, "get", "head", Route = "v1/files/{id}/content")] HttpRequest request, string id, [DurableClient] DurableTaskClient durable) =>
        requests.Handle(request, durable, api => api.Files.Content(request, id));

    [Function("DeleteFile")]
    public Task<IResult> DeleteFile([HttpTrigger(AuthorizationLevel.Function, "delete", Route = "v1/files/{id}")] HttpRequest request, string id, [DurableClient] DurableTaskClient durable) =>
        requests.Handle(request, durable, api => api.Files.Delete(request, id));
}

/// <summary>Curation runs.</summary>
internal sealed class DatasetFunctions(ApiRequests requests)
{
    private const string Runs = "v1/datasets/{name}/runs";
    private const string Run = "v1/datasets/{name}/runs/{version}";

    [Function("PostDatasetRun")]
    public Task<IResult> PostRun([HttpTrigger(AuthorizationLevel.Function, "post", Route = Runs)] HttpRequest request, string name, [DurableClient] DurableTaskClient durable) =>
        requests.Handle(request, durable, api => api.Datasets.Post(request, name));

    [Function("GetDatasetRun")]
    public Task<IResult> GetRun([HttpTrigger(AuthorizationLevel.Function, "get", "head", Route = Run)] HttpRequest request, string name, string version, [DurableClient] DurableTaskClient durable) =>
        requests.Handle(request, durable, api => api.Datasets.Get(request, name, version));

    [Function("DeleteDatasetRun")]
    public Task<IResult> DeleteRun([HttpTrigger(AuthorizationLevel.Function, "delete", Route = Run)] HttpRequest request, string name, string version, [DurableClient] DurableTaskClient durable) =>
        requests.Handle(request, durable, api => api.Datasets.Delete(request, name, version));

    [Function("SuspendDatasetRun")]
    public Task<IResult> SuspendRun([HttpTrigger(AuthorizationLevel.Function, "post", Route = "v1/datasets/{name}/runs/{version}/suspend")] HttpRequest request, string name, string version, [DurableClient] DurableTaskClient durable) =>
        requests.Handle(request, durable, api => api.Datasets.Suspend(request, name, version));

    [Function("ResumeDatasetRun")]
    public Task<IResult> ResumeRun([HttpTrigger(AuthorizationLevel.Function, "post", Route = "v1/datasets/{name}/runs/{version}/resume")] HttpRequest request, string name, string version, [DurableClient] DurableTaskClient durable) =>
        requests.Handle(request, durable, api => api.Datasets.Resume(request, name, version));

    [Function("RetryDatasetRun")]
    public Task<IResult> RetryRun([HttpTrigger(AuthorizationLevel.Function, "post", Route = "v1/datasets/{name}/runs/{version}/retry")] HttpRequest request, string name, string version, [DurableClient] DurableTaskClient durable) =>
        requests.Handle(request, durable, api => api.Datasets.Retry(request, name, version));
}

/// <summary>Outputs, by the signed links that answers hold: whoever fetches an image's URL sends nothing but the URL, so no key of the host is asked for.</summary>
internal sealed class BlobFunctions(ApiRequests requests)
{
    [Function("GetBlob")]
    public Task<IResult> GetBlob([HttpTrigger(AuthorizationLevel.Anonymous, "get", "head", Route = "v1/blobs/{*name}")] HttpRequest request, string name, [DurableClient] DurableTaskClient durable) =>
        requests.Handle(request, durable, api => api.Parts.Links.Opens(name, request.Query["exp"], request.Query["sig"])
            ? api.Blobs.Get(request, name)
            : Task.FromResult(ApiResponse.ForStatus(request, 401)));
}
