using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Sana.Jobs.Http;

namespace Sana.Local.Serve;

/// <summary>Which path leads to which handler, and what the OpenAPI document says of it.</summary>
internal static class ApiRoutes
{
    /// <summary>Bodies of many megabytes, a few at once.</summary>
    public const string Heavy = "heavy";

    private const string Json = "application/json";

    // Lambdas, because method groups of another assembly break the framework's analyzer and bring their own summaries.

    public static void MapApi(this IEndpointRouteBuilder app, ApiHandlers api)
    {
        app.MapPost("/v1/images/generations", (HttpRequest request) => api.Images.Generate(request))
            .WithSummary("Make images and wait for them, as OpenAI's clients ask for it; stream: true answers with server-sent events. As multipart/form-data it may have the file control_image, which control reads.").WithTags("Images")
            .Accepts<ImagesRequest>(Json, "multipart/form-data").Produces<ImagesResponse>().Produces(400).Produces(401).Produces(429).Produces(503);
        app.MapPost("/v1/images/edits", (HttpRequest request) => api.Images.Edit(request))
            .WithSummary("Make images from a picture and a prompt, sent as multipart/form-data: image, mask (what is fully transparent is painted), strength, and the fields of generations.").OfPictures();
        app.MapPost("/v1/images/variations", (HttpRequest request) => api.Images.Vary(request))
            .WithSummary("Make images like a picture, sent as multipart/form-data: image, strength, and the fields of generations.").OfPictures();
        app.MapGet("/v1/models", (HttpRequest request) => api.Models.List(request))
            .WithSummary("The checkpoint that is served, as OpenAI's clients list models.").Produces<ModelList>().WithTags("Images");
        app.MapGet("/v1/models/{**id}", (HttpRequest request, string id) => api.Models.Get(request, id))
            .WithSummary("One model.").Produces<ModelCardView>().Produces(404).WithTags("Images");
        app.MapPost("/openai/deployments/{deployment}/images/generations", (HttpRequest request, string deployment) => api.Images.Generate(request, deployment))
            .WithSummary("The same as Azure OpenAI's clients ask for it; a deployment may have any name, and api-version any value.").WithTags("Images")
            .Accepts<ImagesRequest>(Json, "multipart/form-data").Produces<ImagesResponse>().Produces(400).Produces(401).Produces(429).Produces(503);

        app.MapPost("/openai/deployments/{deployment}/images/edits", (HttpRequest request, string deployment) => api.Images.Edit(request, deployment))
            .WithSummary("Edits as Azure OpenAI's clients ask for them.").OfPictures();
        app.MapPost("/openai/deployments/{deployment}/images/variations", (HttpRequest request, string deployment) => api.Images.Vary(request, deployment))
            .WithSummary("Variations as Azure OpenAI's clients ask for them.").OfPictures();

        app.MapPost("/v1/jobs", (HttpRequest request) => api.Jobs.Post(request))
            .WithSummary("Ask for a job. Idempotency-Key makes a repeat find the first; Prefer: wait=N waits for its end.")
            .Asks<JobRequest, JobView>().WithTags("Jobs");
        app.MapPut("/v1/jobs/{id}", (HttpRequest request, string id) => api.Jobs.Put(request, id))
            .WithSummary("Ask for a job under an id of one's own; a repeat finds the first.")
            .Asks<JobRequest, JobView>().WithTags("Jobs");
        app.MapGet("/v1/jobs", (HttpRequest request) => api.Jobs.List(request))
            .WithSummary("Jobs, newest first.")
            .Produces<JobPage>().WithTags("Jobs");
        app.MapGet("/v1/jobs/{id}", (HttpRequest request, string id) => api.Jobs.Get(request, id))
            .WithSummary("A job as it stands; Prefer: wait=N waits for its end.")
            .Gives<JobView>().WithTags("Jobs");
        app.MapDelete("/v1/jobs/{id}", (HttpRequest request, string id) => api.Jobs.Delete(request, id))
            .WithSummary("Ask a job to stop.")
            .Gives<JobView>().Produces<JobView>(202).ProducesProblem(409).WithTags("Jobs");

        app.MapPost("/v1/jobs/{id}/suspend", (HttpRequest request, string id) => api.Jobs.Suspend(request, id))
            .WithSummary("Hold a job: it is not begun until it is resumed.").Steers<JobView>().WithTags("Jobs");
        app.MapPost("/v1/jobs/{id}/resume", (HttpRequest request, string id) => api.Jobs.Resume(request, id))
            .WithSummary("Let a suspended job go on.").Steers<JobView>().WithTags("Jobs");

        app.MapPost("/v1/batches", (HttpRequest request) => api.Batches.Post(request))
            .WithSummary("Ask for a batch: prompts times seeds, or paired with them. With input_file_id: OpenAI's batch of an uploaded file, UploadedBatchRequest, answered 200.")
            .Asks<BatchRequest, RunView>().Produces<UploadedBatch>().RequireRateLimiting(Heavy).WithTags("Batches");
        app.MapPut("/v1/batches/{id}", (HttpRequest request, string id) => api.Batches.Put(request, id))
            .WithSummary("Ask for a batch under an id of one's own; a repeat finds the first.")
            .Asks<BatchRequest, RunView>().RequireRateLimiting(Heavy).WithTags("Batches");
        app.MapGet("/v1/batches", (HttpRequest request) => api.Batches.List(request))
            .WithSummary("Batches, newest first: those of prompts as batches, those of uploaded files as data.")
            .Produces<BatchPage>().WithTags("Batches");
        app.MapGet("/v1/batches/{id}", (HttpRequest request, string id) => api.Batches.Get(request, id))
            .WithSummary("A batch as it stands; an UploadedBatch where the id begins with batch_.")
            .Gives<RunView>().WithTags("Batches");
        app.MapDelete("/v1/batches/{id}", (HttpRequest request, string id) => api.Batches.Delete(request, id))
            .WithSummary("Ask a batch to stop; what it made stays.")
            .Gives<RunView>().Produces<RunView>(202).ProducesProblem(409).WithTags("Batches");
        app.MapPost("/v1/batches/{id}/cancel", (HttpRequest request, string id) => api.UploadedBatches.Cancel(request, id))
            .WithSummary("Stop a batch of an uploaded file: nothing new begins, finished lines stay in its output.")
            .Produces<UploadedBatch>().Produces(404).Produces(409).WithTags("Batches");
        app.MapPost("/v1/batches/{id}/suspend", (HttpRequest request, string id) => api.Batches.Suspend(request, id))
            .WithSummary("Hold a batch: what is rendered ends, nothing new begins until it is resumed.").Steers<RunView>().WithTags("Batches");
        app.MapPost("/v1/batches/{id}/resume", (HttpRequest request, string id) => api.Batches.Resume(request, id))
            .WithSummary("Go on with a batch that is suspended, failed or canceled.").Steers<RunView>().WithTags("Batches");
        app.MapPost("/v1/batches/{id}/retry", (HttpRequest request, string id) => api.Batches.Retry(request, id))
            .WithSummary("Make again the images that failed for the reasons named.")
            .Produces<RunView>(202).ProducesProblem(404).ProducesProblem(409).WithTags("Batches");
        app.MapGet("/v1/batches/{id}/report", (HttpRequest request, string id) => api.Batches.Report(request, id))
            .WithSummary("The manifest, and the items that did not come out.")
            .Gives<BatchReport>().ProducesProblem(409).WithTags("Batches");

        app.MapPost("/v1/files", (HttpRequest request) => api.Files.Post(request))
            .WithSummary("Upload a file for a batch, as OpenAI's clients do: purpose batch.")
            .Accepts<FileUploadForm>("multipart/form-data").Produces<FileView>().Produces(400).Produces(413).Produces(415).RequireRateLimiting(Heavy).WithTags("Files");
        app.MapGet("/v1/files", (HttpRequest request) => api.Files.List(request))
            .WithSummary("Files, newest first.").Produces<FilePage>().WithTags("Files");
        app.MapGet("/v1/files/{id}", (HttpRequest request, string id) => api.Files.Get(request, id))
            .WithSummary("A file's description.").Produces<FileView>().Produces(404).WithTags("Files");
        app.MapGet("/v1/files/{id}/content", (HttpRequest request, string id) => api.Files.Content(request, id))
            .WithSummary("A file's lines; those of an output with links that are good for an hour.").Produces(200).Produces(404).WithTags("Files");
        app.MapDelete("/v1/files/{id}", (HttpRequest request, string id) => api.Files.Delete(request, id))
            .WithSummary("Delete a file.").Produces<FileDeleted>().Produces(404).WithTags("Files");

        app.MapPost("/v1/datasets/{name}/runs", (HttpRequest request, string name) => api.Datasets.Post(request, name))
            .WithSummary("Curate a source into a version of a dataset.")
            .Asks<CurationRequest, RunView>().WithTags("Datasets");
        app.MapGet("/v1/datasets/{name}/runs/{version}", (HttpRequest request, string name, string version) => api.Datasets.Get(request, name, version))
            .WithSummary("A curation run as it stands.")
            .Gives<RunView>().WithTags("Datasets");
        app.MapDelete("/v1/datasets/{name}/runs/{version}", (HttpRequest request, string name, string version) => api.Datasets.Delete(request, name, version))
            .WithSummary("Ask a curation run to stop; what it wrote stays.")
            .Gives<RunView>().ProducesProblem(409).WithTags("Datasets");
        app.MapPost("/v1/datasets/{name}/runs/{version}/suspend", (HttpRequest request, string name, string version) => api.Datasets.Suspend(request, name, version))
            .WithSummary("Hold a curation run: what runs ends, nothing new begins until it is resumed.").Steers<RunView>().WithTags("Datasets");
        app.MapPost("/v1/datasets/{name}/runs/{version}/resume", (HttpRequest request, string name, string version) => api.Datasets.Resume(request, name, version))
            .WithSummary("Go on with a curation run that is suspended, failed or canceled.").Steers<RunView>().WithTags("Datasets");
        app.MapPost("/v1/datasets/{name}/runs/{version}/retry", (HttpRequest request, string name, string version) => api.Datasets.Retry(request, name, version))
            .WithSummary("Do again what failed for the reasons named.").Steers<RunView>().WithTags("Datasets");

        app.MapGet("/v1/blobs/{**name}", (HttpRequest request, string name) => api.Blobs.Get(request, name))
            .WithSummary("An output under its own name.").WithTags("Blobs").Produces(200).ProducesProblem(404);
    }

    private static RouteHandlerBuilder Asks<TAsked, TGiven>(this RouteHandlerBuilder route)
        where TAsked : notnull => route.Accepts<TAsked>(Json).Produces<TGiven>(202).Produces<TGiven>(200)
            .ProducesProblem(400).ProducesProblem(409).ProducesProblem(413).ProducesProblem(415).ProducesProblem(422).ProducesProblem(429).ProducesProblem(503);

    private static void OfPictures(this RouteHandlerBuilder route) => route.WithTags("Images")
        .Produces<ImagesResponse>().Produces(400).Produces(401).Produces(413).Produces(415).Produces(429).Produces(503);

    private static RouteHandlerBuilder Steers<TGiven>(this RouteHandlerBuilder route) => route.Produces<TGiven>(202).ProducesProblem(404).ProducesProblem(409);

    private static RouteHandlerBuilder Gives<TGiven>(this RouteHandlerBuilder route) => route.Produces<TGiven>().ProducesProblem(404);
}
