using Sana.Jobs.Curation;
using Sana.Jobs.Durable;
using Sana.Jobs.Generation;
using Sana.Jobs.Networks;
using Sana.Jobs.Queue;
using Sana.Jobs.Requests;
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
        // One for all: what the one lets in, the others count.
        var admission = new Admission(parts);
        Jobs = new JobsApi(parts, admission);
        Images = new ImagesApi(parts, Jobs);
        Models = new ModelsApi(parts);
        UploadedBatches = new UploadedBatchesApi(parts, admission);
        Batches = new BatchesApi(parts, admission, UploadedBatches);
        Files = new FilesApi(parts);
        Datasets = new DatasetsApi(parts);
        Blobs = new BlobsApi(parts);
    }

    /// <summary>What they work with.</summary>
    public ApiParts Parts { get; }

    /// <summary><c>/v1/jobs</c>.</summary>
    public JobsApi Jobs { get; }

    /// <summary><c>/v1/images</c>.</summary>
    public ImagesApi Images { get; }

    /// <summary><c>/v1/models</c>.</summary>
    public ModelsApi Models { get; }

    /// <summary><c>/v1/batches</c>.</summary>
    public BatchesApi Batches { get; }

    /// <summary><c>/v1/batches</c> of uploaded files.</summary>
    public UploadedBatchesApi UploadedBatches { get; }

    /// <summary><c>/v1/files</c>.</summary>
    public FilesApi Files { get; }

    /// <summary><c>/v1/datasets</c>.</summary>
    public DatasetsApi Datasets { get; }

    /// <summary><c>/v1/blobs</c>.</summary>
    public BlobsApi Blobs { get; }
}

/// <summary>What the handlers of the API work with. Both hosts fill it: nothing here says which.</summary>
public sealed record ApiParts
{
    /// <summary>The default of <see cref="MaxUpload"/>.</summary>
    public const long DefaultUpload = 64L << 20;

    /// <summary>The largest <see cref="MaxUpload"/>: a picture and a mask.</summary>
    public const long MostUpload = 128L << 20;

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

    /// <value>What waits for a worker with another checkpoint, in a sentence. Default nothing.</value>
    public Func<string?> Mismatch { get; init; } = () => null;

    /// <value>The loaded checkpoint where it is in this process: options are then checked against it before they are queued. Default none.</value>
    public Func<IModel?> Model { get; init; } = () => null;

    /// <value>Name and defaults of the checkpoint, also before it is loaded. Default: it is waited for.</value>
    public Func<CancellationToken, Task<IModel>> Planned { get; init; } = async cancellation =>
    {
        await Task.Delay(Timeout.Infinite, cancellation);
        throw new OperationCanceledException(cancellation);
    };

    /// <value>What the worker runs on, for the records of a run. Default cpu.</value>
    public string Device { get; init; } = "cpu";

    /// <value>Jobs that may wait, 1 or more; past that requests are answered 429. Default 1,000.</value>
    public int MaxQueued { get; init; } = 1000;

    /// <value>Images of one batch, over its prompts, seeds and images, 1 or more. Default 1,000,000.</value>
    public long MaxBatchImages { get; init; } = 1_000_000;

    /// <value>Bytes of one uploaded file, 1 or more. Default 200 MiB.</value>
    public long MaxFileBytes { get; init; } = 200L << 20;

    /// <value>Width × height × images of one job. Default 64 images of 1024 × 1024.</value>
    public long MaxPixels { get; init; } = 64L * 1024 * 1024;

    /// <value>Width × height of one image of a job, as the worker takes it. Default 4096 × 4096.</value>
    public long MaxImagePixels { get; init; } = new RenderWorkerOptions().MaxPixels;

    /// <value>Images of one job, as the worker takes it, 1…10,000. Default 64.</value>
    public int MaxImages { get; init; } = new RenderWorkerOptions().MaxImages;

    /// <value>Bytes of a request that sends a picture, 1…<see cref="MostUpload"/>. Default 64 MiB. A picture by itself has at most <see cref="StartImages.MostBytes"/>.</value>
    public long MaxUpload { get; init; } = DefaultUpload;

    /// <value>Prompts of more tokens than the network reads are refused where a request does not say <c>long_prompts</c>. Default false: they are cut, and the image is flagged.</value>
    public bool RefusesLongPrompts { get; init; }

    /// <value>
    /// How long a request waits for its images, more than zero; hosts with a shorter limit set less. Without an <c>Idempotency-Key</c> the job ends with the wait. Default 10 minutes.
    /// </value>
    public TimeSpan ImagesTimeout { get; init; } = TimeSpan.FromMinutes(10);

    /// <value>What <see cref="ImagesTimeout"/> is set by, for the answer to who waited in vain. Default the host's limit.</value>
    public string ImagesTimeoutSetting { get; init; } = "the host's limit";

    /// <value>Ends every wait: the server stops. Default never.</value>
    public CancellationToken Stopping { get; init; }

    /// <value>A request for images that is aborted cancels its job, unless it has an <c>Idempotency-Key</c>. Not where a front end cuts requests that are still wanted. Default true.</value>
    public bool CancelsWhenAborted { get; init; } = true;

    /// <value>What requests are told the time by. Default the system's clock.</value>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>What one request for images is checked against.</summary>
    internal RequestRules Rules => new(
        // An attempt may take as long as somebody waits for it.
        new RequestLimits(MaxPixels, MaxImagePixels, MaxImages, RefusesLongPrompts, (int)Math.Clamp(ImagesTimeout.TotalSeconds, new JobLimits().TimeoutS, JobRequestValidator.LongestAttempt)),
        Model,
        new CallbackRules(Urls, WebhookSecrets),
        Clock);
}

/// <summary>What one request for images is checked against, at the door and as a line of an uploaded batch.</summary>
/// <param name="Limits">What it may ask for.</param>
/// <param name="Model">The checkpoint where it is loaded; else null.</param>
/// <param name="Callbacks">Which webhooks it may ask for.</param>
/// <param name="Clock">Dates its message.</param>
internal sealed record RequestRules(RequestLimits Limits, Func<IModel?> Model, CallbackRules Callbacks, TimeProvider Clock);
