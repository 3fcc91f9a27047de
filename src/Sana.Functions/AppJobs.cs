using Azure.Identity;
using Azure.Messaging.ServiceBus;
using Microsoft.DurableTask.Client;
using Microsoft.Extensions.Hosting;
using Sana.Curation;
using Sana.Jobs;
using Sana.Jobs.Curation;
using Sana.Jobs.Durable;
using Sana.Jobs.Http;
using Sana.Jobs.Networks;
using Sana.Jobs.Queue;
using Sana.Jobs.Worker;
using Sana.Storage.Blobs;

namespace Sana.Functions;

/// <summary>Both jobs over this app's storage and queue. They are opened when the first function needs them, once; again after it failed.</summary>
internal sealed class AppJobs(FunctionsSettings settings, DurableClientHolder durable, RendererSource renderer, NetworkLoader networks, TimeProvider clock, IHostApplicationLifetime? lifetime = null)
    : IAsyncDisposable
{
    private readonly SemaphoreSlim _one = new(1);
    private OpenedJobs? _opened;

    public async ValueTask<OpenedJobs> Get(CancellationToken cancellationToken)
    {
        if (_opened is { } ready)
            return ready;
        await _one.WaitAsync(cancellationToken);
        try
        {
            return _opened ??= await Open(cancellationToken);
        }
        finally
        {
            _one.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_opened is { } opened)
            await Close(opened.Jobs, opened.Queue);
        _one.Dispose();
    }

    private static async Task Close(SanaJobs? jobs, IJobQueue queue)
    {
        jobs?.Dispose();
        if (queue is IAsyncDisposable client)
            await client.DisposeAsync();
    }

    private async Task<OpenedJobs> Open(CancellationToken cancellationToken)
    {
        var blobs = await BlobPlace.Parse(settings.Blobs).Open(cancellationToken);
        var queue = await AppQueue.Open(settings, blobs, clock, cancellationToken);
        SanaJobs? jobs = null;
        try
        {
            // What the gpu app does not do cannot stop it.
            var curation = settings.IsOrchestrator && await blobs.Read(CurationConfig.Blob, cancellationToken) is { } json ? CurationConfig.Parse(json) : new CurationConfig();
            jobs = Create(blobs, queue, curation);
            // The platform's front end cuts a request at 230 seconds.
            var api = await jobs.OpenApi(parts => parts with
            {
                ImagesTimeout = TimeSpan.FromSeconds(200),
                ImagesTimeoutSetting = "the platform cuts a request at 230 s",
                CancelsWhenAborted = false,
                MaxUpload = (long)settings.MaxUpload << 20,
                Stopping = lifetime?.ApplicationStopping ?? default,
            }, cancellationToken);
            return new OpenedJobs(jobs, api, queue);
        }
        catch
        {
            await Close(jobs, queue);
            throw;
        }
    }

    private SanaJobs Create(IBlobs blobs, IJobQueue queue, CurationConfig curation)
    {
        try
        {
            curation.Settings();
            return new SanaJobs(new SanaJobsOptions
            {
                Blobs = blobs,
                Queue = queue,
                Client = durable.Client,
                Renderer = renderer,
                Networks = networks,
                Model = cancellation => ModelCard.Read(blobs, cancellation),
                Worker = new RenderWorkerOptions { Device = settings.Device },
                Curation = curation,
                DownloadNetworks = curation.DownloadNetworks(),
                Sources = settings.CurationSource is { } source ? new Dictionary<string, string> { ["inbox"] = source } : [],
                Keep = Retention.Days(settings.RetentionDays, "Sana__RetentionDays"),
                Clock = clock,
            });
        }
        catch (CurationException error)
        {
            throw new SanaException($"{CurationConfig.Blob} cannot be used: {error.Message}", error);
        }
    }
}

/// <summary>What the functions of an app work with.</summary>
/// <param name="Jobs">Both jobs.</param>
/// <param name="Api">The handlers of the HTTP API.</param>
/// <param name="Queue">The queue to the GPU.</param>
internal sealed record OpenedJobs(SanaJobs Jobs, ApiHandlers Api, IJobQueue Queue)
{
    public IBlobs Blobs => Jobs.Blobs;

    public TaskRegistry Tasks => Jobs.Tasks;
}

/// <summary>The queue that an app's settings name; the triggers of the gpu role listen to the same.</summary>
internal static class AppQueue
{
    /// <summary>The queue's name, on Service Bus and in a storage account.</summary>
    public const string QueueName = "sana-jobs";

    public static Task<IJobQueue> Open(FunctionsSettings settings, IBlobs blobs, TimeProvider clock, CancellationToken cancellationToken) => settings.Queue == "servicebus"
        ? Task.FromResult<IJobQueue>(OnServiceBus(settings, blobs, clock))
        : QueuePlace.Open(settings.HostStorage ?? $"https://{settings.HostAccount}.queue.core.windows.net", blobs, cancellationToken);

    private static ServiceBusJobQueue OnServiceBus(FunctionsSettings settings, IBlobs blobs, TimeProvider clock)
    {
        var credential = new DefaultAzureCredential();
        try
        {
            var client = settings.ServiceBus is { } connection ? new ServiceBusClient(connection) : new ServiceBusClient(settings.ServiceBusNamespace!, credential);
            return new ServiceBusJobQueue(client, QueueName, blobs, new QueueDepth(settings.QueueResource, credential), clock);
        }
        catch (Exception error) when (error is FormatException or ArgumentException or InvalidOperationException)
        {
            // Without the cause, which may quote the key.
            throw new SanaException(settings.ServiceBus is null
                ? $"ServiceBus__fullyQualifiedNamespace is '{settings.ServiceBusNamespace}', which is no host name; it looks like name.servicebus.windows.net."
                : $"ServiceBus is not a connection string of Service Bus, or names another queue than {QueueName}; copy it again from the namespace's shared access policies.");
        }
    }
}

/// <summary>
/// Durable's client for code that is no function. It comes only as a function's binding; what is behind it lives as long as the process, so the newest one serves all.
/// </summary>
internal sealed class DurableClientHolder
{
    private volatile DurableTaskClient? _newest;

    public DurableClientHolder() => Client = new WorkflowClient(() => _newest ?? throw new SanaException("No function has brought the Durable client yet; try again."));

    /// <summary>Starts, finds and steers instances.</summary>
    public WorkflowClient Client { get; }

    /// <summary>Keeps the client of a function that runs.</summary>
    public void Use(DurableTaskClient durable) => _newest = durable;
}
