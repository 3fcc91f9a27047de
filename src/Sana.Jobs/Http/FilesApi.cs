using Microsoft.AspNetCore.Http;
using Sana.Jobs.Requests;

namespace Sana.Jobs.Http;

/// <summary>OpenAI's files: what batches are made from, pictures that their lines name, and what they write. Other purposes are refused.</summary>
public sealed class FilesApi
{
    private const int MostOfAPage = 10_000;

    private readonly ApiParts _parts;
    private readonly StoredFiles _files;

    internal FilesApi(ApiParts parts) => (_parts, _files) = (parts, new StoredFiles(parts.Blobs, parts.Clock));

    /// <summary><c>POST /v1/files</c>: a form with <c>purpose</c> and <c>file</c>.</summary>
    public Task<IResult> Post(HttpRequest request) => ApiResponse.Handle(request, async () => ApiJson.Result(View(await new FileUpload(_parts, _files).Receive(request))));

    /// <summary><c>GET /v1/files</c>: newest first; <c>?purpose=</c>, <c>?limit=</c> 1…10,000, <c>?after=</c> a file, <c>?order=asc</c>.</summary>
    public Task<IResult> List(HttpRequest request) => ApiResponse.Handle(request, async () =>
    {
        var limit = JobsApi.Number(request, "limit", MostOfAPage, 1, MostOfAPage);
        var (purpose, after, order) = ((string?)request.Query["purpose"], (string?)request.Query["after"], (string?)request.Query["order"] ?? "desc");
        if (order is not ("asc" or "desc"))
            throw ApiException.BadRequest("order", "order is asc or desc.");
        var page = new List<FileView>();
        var isAfter = string.IsNullOrEmpty(after);
        await foreach (var file in _files.List(isNewestFirst: order == "desc", request.HttpContext.RequestAborted))
        {
            if (isAfter && (string.IsNullOrEmpty(purpose) || file.Purpose == purpose))
                page.Add(View(file));
            isAfter |= file.Id == after;
            if (page.Count > limit)
                break;
        }

        return isAfter
            ? ApiJson.Result(new FilePage(page.Count > limit ? page[..limit] : page, page.Count > limit))
            : throw ApiException.BadRequest("after", "after names a file that is not there.");
    });

    /// <summary><c>GET /v1/files/{id}</c>.</summary>
    public Task<IResult> Get(HttpRequest request, string id) => ApiResponse.Handle(request, async () => ApiJson.Result(View(await Find(request, id))));

    /// <summary><c>GET /v1/files/{id}/content</c>: as it was uploaded; of a file that a batch wrote with links that are good for an hour, or the images themselves, in their places.</summary>
    public Task<IResult> Content(HttpRequest request, string id) => ApiResponse.Handle(request, async () =>
    {
        var file = await Find(request, id);
        var type = file.Purpose == StoredFile.Vision ? "application/octet-stream" : "application/jsonl";
        var stream = await _files.Open(file, request.HttpContext.RequestAborted) ?? throw NotFound();
        var headers = request.HttpContext.Response.Headers;
        headers.XContentTypeOptions = "nosniff";
        headers.CacheControl = "private, no-store";
        if (file.Purpose != StoredFile.BatchOutput)
            return TypedResults.Stream(stream, type, file.Filename);
        return TypedResults.Stream(Fill, type, file.Filename);

        async Task Fill(Stream target)
        {
            await using var closed = stream;
            await BatchOutput.Write(stream, target, _parts.Blobs, blob => BlobsApi.Url(request, blob, _parts.Links), request.HttpContext.RequestAborted);
        }
    });

    /// <summary><c>DELETE /v1/files/{id}</c>.</summary>
    public Task<IResult> Delete(HttpRequest request, string id) => ApiResponse.Handle(request, async () =>
    {
        var file = await Find(request, id);
        await _files.Delete(file.Id, request.HttpContext.RequestAborted);
        return ApiJson.Result(new FileDeleted(file.Id));
    });

    private async Task<StoredFile> Find(HttpRequest request, string id) => await _files.Find(id, request.HttpContext.RequestAborted) ?? throw NotFound();

    private static ApiException NotFound() => ApiException.NotFound("There is no file of this id; GET /v1/files lists those that are there.");

    private static FileView View(StoredFile file) => new(file.Id, file.Bytes, UnixTime.Of(file.CreatedAt), file.Filename, file.Purpose) { ExpiresAt = UnixTime.Of(file.ExpiresAt) };
}

/// <summary>Times as OpenAI's clients read them: whole seconds.</summary>
internal static class UnixTime
{
    /// <summary>Of a time in UTC.</summary>
    public static long Of(DateTime time) => new DateTimeOffset(DateTime.SpecifyKind(time, DateTimeKind.Utc)).ToUnixTimeSeconds();

    /// <summary>Of a time in UTC; null for none.</summary>
    public static long? Of(DateTime? time) => time is { } known ? Of(known) : null;
}
