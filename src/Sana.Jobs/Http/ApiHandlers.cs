using Sana.Jobs.Curation;
using Sana.Jobs.Durable;
using Sana.Jobs.Networks;
using Sana.Jobs.Queue;
using Sana.Jobs.Worker;
using Sana.Storage.Blobs;
using Sana.Storage.Net;

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

/// <summary>What the handlers of the API work with. Both hosts fill it: nothing here says which.</summary>
public sealed record ApiParts
{
    /// <summary>Starts and finds instances.</summary>
    public required WorkflowClient Workflows { get; init; }

    /// <summary>The queue to the GPU. Only its length is asked for: orchestrations send.</summary>
    public required IJobQueue Queue { get; init; }

    /// <summary>Where prompts, messages, images and results are.</summary>
    public required IBlobs Blobs { get; init; }

    /// <summary>Links to images that work without a key for an hour.</summary>
    public required SignedLinks Links { get; init; }

    /// <value>Which URLs a webhook may have.</value>
    public UrlRules Urls { get; init; } = new();

    /// <value>Names of the secrets that may sign webhooks. Default none, and then there are no webhooks.</value>
    public IReadOnlyCollection<string> WebhookSecrets { get; init; } = [];

    /// <value>Places that a curation run may read, by the name under which requests ask for them. Default none.</value>
    public IReadOnlyDictionary<string, string> Sources { get; init; } = new Dictionary<string, string>();

    /// <value>How datasets are made: captioners, scorer, rules. Default: nobody captions.</value>
    public CurationSettings Curation { get; init; } = new();

    /// <value>The worker's state where it runs in this process. Default unknown, and then jobs are accepted.</value>
    public Func<WorkerState>? Worker { get; init; }

    /// <value>Why what is asked for cannot be written down at present, one sentence; null when it can. Default always null.</value>
    public Func<string?> Unavailable { get; init; } = () => null;

    /// <value>The id of the job that is being rendered in this process. Default unknown.</value>
    public Func<string?> Rendering { get; init; } = () => null;

    /// <value>The loaded checkpoint where it is in this process: options are then checked against it before they are queued. Default none.</value>
    public Func<IModel?> Model { get; init; } = () => null;

    /// <value>What the worker runs on, for the records of a run. Default cpu.</value>
    public string Device { get; init; } = "cpu";

    /// <value>Jobs that may wait, 1 or more; past that requests are answered 429. Default 1,000.</value>
    public int MaxQueued { get; init; } = 1000;

    /// <value>Width × height × images of one job. Default 64 images of 1024 × 1024.</value>
    public long MaxPixels { get; init; } = 64L * 1024 * 1024;

    /// <value>How long a request waits for its images; hosts with a shorter limit set less. The job goes on after it. Default 10 minutes.</value>
    public TimeSpan ImagesTimeout { get; init; } = TimeSpan.FromMinutes(10);

    /// <value>A request that is aborted cancels its job. Not where a front end cuts requests that are still wanted. Default true.</value>
    public bool CancelsWhenAborted { get; init; } = true;

    /// <value>What requests are told the time by. Default the system's clock.</value>
    public TimeProvider Clock { get; init; } = TimeProvider.System;
}
