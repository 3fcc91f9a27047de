using System.Security.Cryptography;
using Sana.Functions.Durable;
using Sana.Functions.Queue;
using Sana.Functions.Rendering;
using Sana.Workflows;
using Sana.Workflows.Blobs;
using Sana.Workflows.Contract;
using Sana.Workflows.Curation;
using Sana.Workflows.Generation;
using Sana.Workflows.Http;
using Sana.Workflows.Net;
using Sana.Workflows.Orchestrations;
using Sana.Workflows.Queue;
using Sana.Workflows.Requests;
using Sana.Workflows.Schedules;

namespace Sana.Functions.Hosting;

/// <summary>What the functions of an app work with: blobs, queue, steps and the handlers of the API.</summary>
/// <param name="Blobs">Where everything goes.</param>
/// <param name="Queue">The road to the GPU.</param>
/// <param name="Registry">Workflows and steps by name.</param>
/// <param name="Api">For the handlers.</param>
internal sealed record HostParts(IBlobs Blobs, IJobQueue Queue, WorkflowRegistry Registry, ApiParts Api)
{
    private const string LinkKey = "work/link.key";

    public JobsApi Jobs { get; } = new(Api);

    public BatchesApi Batches { get; } = new(Api);

    public DatasetsApi Datasets { get; } = new(Api);

    public BlobsApi BlobDoor { get; } = new(Api);

    public ImagesApi Images { get; } = new(Api, new JobsApi(Api));

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
        return new HostParts(blobs, queue, Fill(new WorkflowRegistry(), settings, blobs, queue, sources, curation, lent, http, () => engine, clock), new ApiParts
        {
            Workflows = engine,
            Queue = queue,
            Blobs = blobs,
            Links = new SignedLinks(await Key(blobs, cancellationToken), clock),
            Sources = sources,
            Curation = curation,
            Device = settings.Device,
            Clock = clock,
        });
    }

    /// <summary>Every workflow and step of the project, as the local host adds them.</summary>
    internal static WorkflowRegistry Fill(
        WorkflowRegistry registry,
        FunctionsSettings settings,
        IBlobs blobs,
        IJobQueue queue,
        IReadOnlyDictionary<string, string> sources,
        CurationSettings curation,
        CurationTools lent,
        GuardedHttp http,
        Func<IWorkflowClient> client,
        TimeProvider clock)
    {
        registry.Add(Workflows.Jobs.Generate, () => new GenerateImages()).Add(Workflows.Jobs.Curate, () => new CurateDataset());
        new GenerateSteps(blobs, queue, cancellation => ModelCard.Read(blobs, cancellation), clock).Register(registry);
        new CurateSteps(blobs, lent).Register(registry);
        new JobSteps(blobs, queue, http, new Dictionary<string, byte[]>(), clock).AddTo(registry, client);
        new ScheduleSteps(blobs, sources, curation, settings.Device).AddTo(registry, client);
        return registry;
    }

    /// <summary>Signs links to images; every instance of the app has the same one.</summary>
    private static async Task<byte[]> Key(IBlobs blobs, CancellationToken cancellationToken)
    {
        await blobs.PutIfAbsent(LinkKey, RandomNumberGenerator.GetBytes(32), cancellationToken);
        return await blobs.Read(LinkKey, cancellationToken) is { Length: 32 } key ? key : throw new WorkflowException($"{LinkKey} is damaged; delete it, and links to images are made anew.");
    }
}
