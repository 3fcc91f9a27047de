using System.Security.Cryptography;
using Sana.Functions.Durable;
using Sana.Functions.Queue;
using Sana.Functions.Rendering;
using Sana.Jobs.Curation;
using Sana.Jobs.Durable;
using Sana.Jobs.Generation;
using Sana.Jobs.Http;
using Sana.Jobs.Queue;
using Sana.Jobs.Requests;
using Sana.Jobs.Schedules;
using Sana.Storage.Blobs;
using Sana.Storage.Net;

namespace Sana.Functions.Hosting;

/// <summary>What the functions of an app work with: blobs, queue, steps and the handlers of the API.</summary>
/// <param name="Blobs">Where everything goes.</param>
/// <param name="Queue">The road to the GPU.</param>
/// <param name="Tasks">Orchestrations and activities.</param>
/// <param name="Api">For the handlers.</param>
internal sealed record HostParts(IBlobs Blobs, IJobQueue Queue, TaskRegistry Tasks, ApiParts Api)
{
    private const string LinkKey = "work/link.key";

    public JobsApi Jobs { get; } = new(Api);

    public BatchesApi Batches { get; } = new(Api);

    public DatasetsApi Datasets { get; } = new(Api);

    public BlobsApi BlobDoor { get; } = new(Api);

    // The platform's front end cuts a request at 230 seconds.
    public ImagesApi Images { get; } = new(Api, new JobsApi(Api)) { Patience = TimeSpan.FromSeconds(200), CancelsWhenAborted = false };

    public static async Task<HostParts> Open(FunctionsSettings settings, EngineSlot engine, GuardedHttp http, TimeProvider clock, CancellationToken cancellationToken)
    {
        var blobs = await BlobPlace.Parse(settings.Blobs).Open(cancellationToken);
        var queue = await JobQueues.Open(settings, blobs, clock, cancellationToken);
        var sources = new Dictionary<string, string>();
        if (settings.CurationSource is { } source)
            sources.Add("inbox", source);
        // What the gpu app does not do cannot stop it.
        var config = settings.IsOrchestrator ? await CurationParts.Read(blobs, cancellationToken) : new CurationConfig();
        var curation = CurationParts.Settings(config);
        var lent = new CurationParts(settings, clock).Lend(config);
        return new HostParts(blobs, queue, Fill(settings, blobs, queue, sources, curation, lent, http, engine.Client, clock), new ApiParts
        {
            Workflows = engine.Client,
            Queue = queue,
            Blobs = blobs,
            Links = new SignedLinks(await Key(blobs, cancellationToken), clock),
            Sources = sources,
            Curation = curation,
            Device = settings.Device,
            Clock = clock,
        });
    }

    /// <summary>Every orchestration and activity of the project, as the local host adds them.</summary>
    internal static TaskRegistry Fill(
        FunctionsSettings settings,
        IBlobs blobs,
        IJobQueue queue,
        IReadOnlyDictionary<string, string> sources,
        CurationSettings curation,
        CurationTools lent,
        GuardedHttp http,
        WorkflowClient client,
        TimeProvider clock)
    {
        var tasks = new TaskRegistry();
        new GenerateSteps(blobs, queue, cancellation => ModelCard.Read(blobs, cancellation), clock).AddTo(tasks);
        new CurateSteps(blobs, lent).AddTo(tasks);
        new JobSteps(blobs, queue, http, new Dictionary<string, byte[]>(), clock).AddTo(tasks, client);
        new ScheduleSteps(blobs, sources, curation, settings.Device).AddTo(tasks, client);
        return tasks;
    }

    /// <summary>Signs links to images; every instance of the app has the same one.</summary>
    private static async Task<byte[]> Key(IBlobs blobs, CancellationToken cancellationToken)
    {
        await blobs.PutIfAbsent(LinkKey, RandomNumberGenerator.GetBytes(32), cancellationToken);
        return await blobs.Read(LinkKey, cancellationToken) is { Length: 32 } key ? key : throw new SanaException($"{LinkKey} is damaged; delete it, and links to images are made anew.");
    }
}
