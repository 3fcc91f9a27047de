using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;
using Sana.Storage;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Http;

/// <summary>Outputs, read-only, under their own names. What is not an output (messages, journals, dead letters, caches) cannot be read here.</summary>
public sealed class BlobsApi(ApiParts parts)
{
    /// <summary>A bigger blob is read from its place; here it would stand in memory.</summary>
    private const long MaxBytes = 32L << 20;

    private static readonly string[] Open = ["runs/", "jobs/", "results/", "datasets/"];

    // A blob's content is data: a browser that opens one runs nothing and guesses nothing.
    private const string Policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox";

    /// <summary><c>GET /v1/blobs/{name}</c>.</summary>
    public Task<IResult> Get(HttpRequest request, string name) => ApiResponse.Handle(request, async () =>
    {
        if (!BlobName.IsValid(name) || !Array.Exists(Open, prefix => name.StartsWith(prefix, StringComparison.Ordinal)))
            throw ApiException.NotFound("There is no blob of this name.");
        var cancellation = request.HttpContext.RequestAborted;
        var bytes = await parts.Blobs.Length(name, cancellation);
        if (bytes > MaxBytes)
            throw new ApiException(413, "blob_too_large", $"The blob has {bytes} bytes; read it from where it is stored.");
        var content = await parts.Blobs.Read(name, cancellation) ?? throw ApiException.NotFound("There is no blob of this name.");
        var headers = request.HttpContext.Response.Headers;
        headers.XContentTypeOptions = "nosniff";
        headers.ContentSecurityPolicy = Policy;
        // An image never changes under its name. A retry writes lists, manifests and reports anew.
        headers.CacheControl = BlobContent.Type(name).StartsWith("image/", StringComparison.Ordinal) ? "private, max-age=3600, immutable" : "private, no-cache";
        return TypedResults.Bytes(content, BlobContent.Type(name), enableRangeProcessing: true, entityTag: EntityTagHeaderValue.Parse($"\"{Digest.Sha256(content)[..32]}\""));
    });

    /// <summary>The whole URL of a blob, open for an hour.</summary>
    internal static string Url(HttpRequest request, string blob, SignedLinks links) =>
        $"{request.Scheme}://{request.Host}{request.PathBase}/v1/blobs/{blob}{links.Query(blob)}";
}
