namespace Sana.Jobs.Http;

/// <summary>The handlers of the API, one for each kind of resource; a host maps its routes to them.</summary>
public sealed class ApiHandlers
{
    internal ApiHandlers(ApiParts parts)
    {
        Parts = parts;
        Jobs = new JobsApi(parts);
        Images = new ImagesApi(parts, Jobs);
        Batches = new BatchesApi(parts);
        Datasets = new DatasetsApi(parts);
        Blobs = new BlobsApi(parts);
    }

    /// <summary>What they work with.</summary>
    public ApiParts Parts { get; }

    /// <summary><c>/v1/jobs</c>.</summary>
    public JobsApi Jobs { get; }

    /// <summary><c>/v1/images/generations</c>.</summary>
    public ImagesApi Images { get; }

    /// <summary><c>/v1/batches</c>.</summary>
    public BatchesApi Batches { get; }

    /// <summary><c>/v1/datasets</c>.</summary>
    public DatasetsApi Datasets { get; }

    /// <summary><c>/v1/blobs</c>.</summary>
    public BlobsApi Blobs { get; }
}
