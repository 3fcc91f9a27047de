using System.Security.Cryptography;
using Sana.Curation.Sources;
using Sana.Jobs.Curation;
using Sana.Jobs.Durable;
using Sana.Jobs.Generation;
using Sana.Jobs.Http;
using Sana.Jobs.Networks;
using Sana.Jobs.Queue;
using Sana.Jobs.Requests;
using Sana.Jobs.Schedules;
using Sana.Jobs.Telemetry;
using Sana.Jobs.Worker;
using Sana.Storage.Blobs;
using Sana.Storage.Net;

namespace Sana.Jobs;

/// <summary>What a host brings: its engine, its queue, its networks, and what it was configured with.</summary>
public sealed record SanaJobsOptions
{
    /// <value>Where everything goes.</value>
    public required IBlobs Blobs { get; init; }

    /// <value>The queue between orchestrations and workers.</value>
    public required IJobQueue Queue { get; init; }

    /// <value>The engine's client.</value>
    public required WorkflowClient Client { get; init; }

    /// <value>The renderer of this host.</value>
    public required RendererSource Renderer { get; init; }

    /// <value>Loads captioners and CLIP.</value>
    public required NetworkLoader Networks { get; init; }

    /// <value>What plans are made with: name, fingerprint and defaults of the checkpoint. Default <see cref="Renderer"/>.</value>
    public Func<CancellationToken, Task<IModel>>? Model { get; init; }

    /// <value>How the worker treats its messages.</value>
    public RenderWorkerOptions Worker { get; init; } = new();

    /// <value>How datasets are made that are asked for by HTTP or by the clock. Default: nobody captions.</value>
    public CurationConfig Curation { get; init; } = new();

    /// <value>Places that curation may read, by the name under which requests and schedules ask for them. Default none.</value>
    public IReadOnlyDictionary<string, string> Sources { get; init; } = new Dictionary<string, string>();

    /// <value>Secrets that may sign webhooks, by name. Default none, and then there are no webhooks.</value>
    public IReadOnlyDictionary<string, byte[]> WebhookSecrets { get; init; } = new Dictionary<string, byte[]>();

    /// <value>Which URLs webhooks may have.</value>
    public UrlRules WebhookUrls { get; init; } = new();

    /// <value>Networks that downloads of a manifest's URLs may reach, on every port, although they are not public. Default none.</value>
    public IReadOnlyList<System.Net.IPNetwork> DownloadNetworks { get; init; } = [];

    /// <value>How long instances, results, timings, dead letters and work in progress are kept; null for ever. Default 30 days.</value>
    public TimeSpan? Keep { get; init; } = TimeSpan.FromDays(Retention.DefaultDays);

    /// <value>The clock of messages, results and schedules. Default the system's.</value>
    public TimeProvider Clock { get; init; } = TimeProvider.System;
}

/// <summary>
/// The only place where the parts of both jobs are put together: orchestrations and activities, the handler of queue messages, the handlers of the HTTP API. Command line, server and
/// Functions app open it over an engine and a queue of their own.
/// </summary>
public sealed class SanaJobs : IDisposable
{
    internal const string LinkKey = "work/link.key";

    private readonly SanaJobsOptions _options;
    private readonly WatchedBlobs _blobs;
    private readonly Lazy<CurationSettings> _curation;
    private readonly CurateSteps _curate;
    private readonly GuardedHttp _webhooks;
    private readonly GuardedHttp _downloads;

    /// <summary>Puts the parts together; nothing is loaded and nothing is written.</summary>
    /// <exception cref="SanaException">A value of the configuration cannot be used.</exception>
    public SanaJobs(SanaJobsOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options;
        // Read when a request or a schedule asks for it: a command that curates with settings of its own does not need it.
        _curation = new Lazy<CurationSettings>(options.Curation.Settings);
        _blobs = new WatchedBlobs(options.Blobs, options.Clock);
        _webhooks = new GuardedHttp(options.WebhookUrls);
        _downloads = new GuardedHttp(new UrlRules { Networks = options.DownloadNetworks, AllPortsOfNetworks = true });
        _curate = new CurateSteps(_blobs, new CurationTools
        {
            Captioner = options.Networks.LoadCaptioner,
            Scorer = options.Networks.LoadClip,
            Judge = options.Networks.LoadJudge,
            Download = new GuardedDownload(_downloads, new DownloadOptions(), options.Clock),
            Clock = options.Clock,
        });
        Func<CancellationToken, Task<IModel>> model = options.Model ?? (async cancellation => await options.Renderer.Get(cancellation));
        new GenerateSteps(_blobs, options.Queue, model, options.Clock).AddTo(Tasks);
        new BatchFileSteps(_blobs, model, options.Clock).AddTo(Tasks);
        _curate.AddTo(Tasks);
        new JobSteps(_blobs, options.Queue, _webhooks, options.WebhookSecrets, options.Clock).AddTo(Tasks, options.Client);
        new ScheduleSteps(_blobs, options.Sources, () => _curation.Value, options.Worker.Device).AddTo(Tasks, options.Client);
        Retention = new Retention(_blobs, options.Queue, options.Client, options.Clock, options.Keep);
        var callbacks = new CallbackRules(options.WebhookUrls, [.. options.WebhookSecrets.Keys]);
        Handler = new JobHandler(_blobs, options.Client, options.Renderer, options.Queue.Name, options.Worker, options.Clock, callbacks);
    }

    /// <summary>Every orchestration and activity, for the engine's worker.</summary>
    public TaskRegistry Tasks { get; } = new();

    /// <summary>Carries out messages of the queue.</summary>
    public JobHandler Handler { get; }

    /// <summary>Forgets what is old.</summary>
    public Retention Retention { get; }

    /// <summary>Where everything goes.</summary>
    public IBlobs Blobs => _blobs;

    /// <summary>What was written lately by this process.</summary>
    public RecentWork Recent => _blobs.Recent;

    /// <summary>Adds the orchestrations alone: for a host that runs no activity.</summary>
    public static TaskRegistry AddOrchestrations(TaskRegistry tasks)
    {
        ArgumentNullException.ThrowIfNull(tasks);
        return tasks.AddOrchestrator<GenerateImages>().AddOrchestrator<CurateDataset>().AddOrchestrator<RunJob>().AddOrchestrator<RunBatchFile>().AddOrchestrator<DeliverWebhook>().AddOrchestrator<RunSchedule>();
    }

    /// <summary>The handlers of the HTTP API.</summary>
    /// <param name="adjust">Sets what only the host knows: the worker in its process, and its limits.</param>
    /// <param name="cancellationToken">Stops reading the key that signs links.</param>
    /// <exception cref="SanaException">The blobs do not answer.</exception>
    public async Task<ApiHandlers> OpenApi(Func<ApiParts, ApiParts> adjust, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(adjust);
        return new ApiHandlers(adjust(new ApiParts
        {
            Workflows = _options.Client,
            Queue = _options.Queue,
            Blobs = _blobs,
            Links = new SignedLinks(await ReadLinkKey(cancellationToken), _options.Clock),
            Urls = _options.WebhookUrls,
            WebhookSecrets = [.. _options.WebhookSecrets.Keys],
            Sources = _options.Sources,
            Curation = _curation.Value,
            Rendering = () => Handler.Current,
            Mismatch = () => Handler.Left.Sentence,
            Model = () => _options.Renderer.Loaded,
            Planned = _options.Model ?? (async cancellation => await _options.Renderer.Get(cancellation)),
            MaxImagePixels = _options.Worker.MaxPixels,
            MaxImages = _options.Worker.MaxImages,
            Device = _options.Worker.Device,
            Clock = _options.Clock,
        }));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _curate.Dispose();
        _webhooks.Dispose();
        _downloads.Dispose();
    }

    /// <summary>Signs links to images. It is kept among the blobs: every process that serves them has the same one.</summary>
    private async Task<byte[]> ReadLinkKey(CancellationToken cancellationToken)
    {
        await _blobs.PutIfAbsent(LinkKey, RandomNumberGenerator.GetBytes(32), cancellationToken);
        return await _blobs.Read(LinkKey, cancellationToken) is { Length: 32 } key ? key : throw new SanaException($"{LinkKey} is damaged; delete it, and links to images are made anew.");
    }
}
