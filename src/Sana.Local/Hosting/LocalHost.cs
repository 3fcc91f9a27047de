using System.Net;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Sana.Inference.Diffusion;
using Sana.Inference.Runtime;
using Sana.Jobs;
using Sana.Jobs.Durable;
using Sana.Jobs.Networks;
using Sana.Jobs.Queue;
using Sana.Jobs.Worker;
using Sana.Local.Queue;
using Sana.Storage.Blobs;

namespace Sana.Local.Hosting;

/// <summary>Everything that runs on one data folder: blobs, queue, engine with both jobs, and the worker. Opened whole, closed in the opposite order.</summary>
public sealed partial class LocalHost : IAsyncDisposable
{
    private readonly CancellationTokenSource _drain = new();
    private readonly NetworkLoader _networks;
    private readonly RendererSource _renderer;
    private readonly Func<CancellationToken, Task<IModel>> _model;
    private ScratchBlobs? _scratch;
    private Task _preload = Task.CompletedTask;
    private DurableHost _engine = null!;
    private Task _work = Task.CompletedTask;
    private Task _control = Task.CompletedTask;
    private Task _retention = Task.CompletedTask;

    private LocalHost(NetworkLoader networks, RendererSource renderer, Func<CancellationToken, Task<IModel>> model) => (_networks, _renderer, _model) = (networks, renderer, model);

    /// <summary>Starts, watches and steers the workflows.</summary>
    public WorkflowClient Client => _engine.Client;

    /// <summary>The queue between orchestrations and the worker.</summary>
    public IJobQueue Queue { get; private set; } = null!;

    /// <summary>Both jobs.</summary>
    public SanaJobs Jobs { get; private set; } = null!;

    /// <summary>Where outputs go.</summary>
    public IBlobs Blobs => Jobs.Blobs;

    /// <summary>The worker; it stays in <see cref="WorkerState.Loading"/> when there is no checkpoint.</summary>
    public RenderWorker Worker { get; private set; } = null!;

    /// <summary>Why the journal cannot be written at present, one sentence; null when it can. It is tried again by itself.</summary>
    public string? Unavailable => _engine.Unavailable;

    /// <summary>Ends when the engine broke or the worker cannot go on, with the exception that says why; or when the host is closed.</summary>
    public Task Stopped { get; private set; } = null!;

    /// <summary>Opens the data folder, goes on with what runs in it, and starts the worker.</summary>
    /// <exception cref="DurableTask.Sqlite.JournalException">Another process owns the folder, or its files cannot be opened.</exception>
    /// <exception cref="SanaException">The blobs or the queue cannot be opened, their places are not understood, or <c>sana.json</c> cannot be used.</exception>
    public static Task<LocalHost> Open(LocalOptions options, CancellationToken cancellationToken = default) => Open(options, load: null, outputs: null, cancellationToken);

    /// <summary>The same with a renderer and outputs of the caller's.</summary>
    internal static async Task<LocalHost> Open(LocalOptions options, Func<CancellationToken, Task<IRenderer>>? load, IBlobs? outputs = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        options = options with { Device = Device.Parse(options.Device).ToString() };
        options = options with { Worker = options.Worker with { Device = options.Device } };
        if (options is { Journal: not "sqlite", Queue: "sqlite" })
            throw new SanaException("A journal that several processes share needs a queue that they share: give --queue azurite[:queue] or a storage connection string.");
        var networks = new NetworkLoader
        {
            Device = Device.Parse(options.Device),
            Precision = PrecisionName.Parse(options.Precision),
            Checkpoint = options.Checkpoint,
            Graphs = options.Graphs,
            Decoder = options.Decoder,
            Loras = Places(options, options.Loras, file => file.Loras),
            Controls = Places(options, options.Controls, file => file.Controls),
            Gate = Gate(options),
            Progress = new FetchLines(),
            Clock = options.Clock,
        };
        // Without a checkpoint nothing can be planned here: the step waits for the process to end, and runs again in one that has it.
        var renderer = new RendererSource(load ?? (options.Checkpoint is null ? Forever<IRenderer> : networks.LoadPipeline));
        var host = new LocalHost(networks, renderer, load is not null ? async cancellation => await renderer.Get(cancellation) : options.Checkpoint is null ? Forever<IModel> : networks.ReadModel);
        try
        {
            await host.Start(options, outputs, cancellationToken);
            return host;
        }
        catch
        {
            await host.DisposeAsync();
            throw;
        }
    }

    /// <summary>What plans need to know of the checkpoint; its networks need not be loaded yet.</summary>
    /// <exception cref="GraphBuilder.CheckpointException">The folder holds no checkpoint of Sana.</exception>
    public Task<IModel> Model(CancellationToken cancellationToken) => _model(cancellationToken);

    /// <summary>Drains the worker, closes the engine, then queue and networks. What was not done goes on at the next opening.</summary>
    public async ValueTask DisposeAsync()
    {
        await _drain.CancelAsync();
        await _work.ContinueWith(_ => { }, TaskScheduler.Default);
        await _control.ContinueWith(_ => { }, TaskScheduler.Default);
        await _retention.ContinueWith(_ => { }, TaskScheduler.Default);
        await _preload.ContinueWith(_ => { }, TaskScheduler.Default);
        if (_engine is not null)
            await _engine.DisposeAsync();
        Jobs?.Dispose();
        (Queue as IDisposable)?.Dispose();
        _scratch?.Dispose();
        _networks.Dispose();
        _renderer.Dispose();
        _drain.Dispose();
    }

    private async Task Start(LocalOptions options, IBlobs? outputs, CancellationToken cancellationToken)
    {
        var data = options.Data is null ? null : Path.GetFullPath(options.Data);
        var config = options.Config ?? ServerFile.Read(data);
        // Nobody else can own what is in memory: the networks are loaded while the engine opens. Who asks for them next hears why they cannot be.
        if (data is null && options.Checkpoint is not null)
            _preload = Task.Run(() => _renderer.Get(_drain.Token), CancellationToken.None);
        var blobs = outputs ?? await BlobPlace.Parse(options.Blobs ?? Path.Combine(data!, "blobs")).Open(cancellationToken);
        if (data is null)
            blobs = _scratch = ScratchBlobs.Open(blobs);
        Queue = options.Queue == "sqlite"
            ? SqliteJobQueue.Open(data is null ? SqliteJobQueue.InMemory : Path.Combine(data, "queue.db"), options.Clock)
            : await QueuePlace.Open(options.Queue, blobs, cancellationToken);
        _engine = await DurableHost.Open(options);
        // The folder is ours: who held a message is dead.
        (Queue as SqliteJobQueue)?.ReleaseAll();
        Jobs = new SanaJobs(new SanaJobsOptions
        {
            Blobs = blobs,
            Queue = Queue,
            Client = _engine.Client,
            Renderer = _renderer,
            Model = _model,
            Networks = _networks,
            Worker = options.Worker,
            Curation = config.Curation,
            Sources = config.Sources,
            WebhookSecrets = config.SecretKeys(),
            WebhookUrls = config.UrlRules(),
            DownloadNetworks = [.. options.DownloadNetworks, .. config.Curation.DownloadNetworks()],
            Keep = Retention.Days(config.RetentionDays, "retention_days of sana.json"),
            Clock = options.Clock,
        });
        await _engine.Start(Jobs.Tasks);
        Worker = new RenderWorker(Queue, Jobs.Handler, _renderer, options.Worker, options.Logging.CreateLogger<RenderWorker>());
        if (data is not null)
        {
            _control = ControlInbox.Serve(data, Client, options.Logging.CreateLogger(nameof(ControlInbox)), _drain.Token);
            _retention = ForgetOld(options.Clock, options.Logging.CreateLogger(nameof(Retention)), _drain.Token);
        }

        if (options.Checkpoint is not null)
            _work = Task.Run(() => Worker.Run(_drain.Token), CancellationToken.None);
        // One task: whoever looks again sees what has happened since.
        Stopped = Task.WhenAny(_engine.Stopped, Failed(_work), _scratch?.Failed ?? Failed(Task.CompletedTask)).Unwrap();
    }

    // Of the command, or else of sana.json.
    private static GateConfig? Gate(LocalOptions options)
    {
        if (options.Checkpoint is null || options.Judges == LocalOptions.NoJudges)
            return null;
        var config = options.Config ?? ServerFile.Read(options.Data);
        return options.Judges is { } path ? GateConfig.Load(path, options.OutsideLimits ?? config.OutsideLimits) : config.Gate(options.OutsideLimits);
    }

    // Those that the command names, and those of sana.json.
    private static Dictionary<string, string> Places(LocalOptions options, IReadOnlyDictionary<string, string> named, Func<ServerFile, IReadOnlyDictionary<string, string>> known)
    {
        var places = new Dictionary<string, string>(named, StringComparer.Ordinal);
        foreach (var (name, place) in options.Checkpoint is null ? new Dictionary<string, string>() : known(options.Config ?? ServerFile.Read(options.Data)))
            places.TryAdd(name, place);
        return places;
    }

    /// <summary>Every six hours, and five minutes after the start, when what was waiting is under way.</summary>
    private async Task ForgetOld(TimeProvider clock, ILogger log, CancellationToken cancellationToken)
    {
        for (var pause = TimeSpan.FromMinutes(5); ; pause = TimeSpan.FromHours(6))
        {
            await Task.Delay(pause, clock, cancellationToken);
            try
            {
                var removed = await Jobs.Retention.Purge(cancellationToken);
                if (removed != default)
                    Forgotten(log, removed);
            }
            catch (Exception error) when (!cancellationToken.IsCancellationRequested)
            {
                NotForgotten(log, error);
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Forgotten, because they are older than the time to keep: {Removed}.")]
    private static partial void Forgotten(ILogger log, RetentionCounts removed);

    [LoggerMessage(Level = LogLevel.Warning, Message = "What is older than the time to keep could not be forgotten; it is looked at again.")]
    private static partial void NotForgotten(ILogger log, Exception error);

    private static async Task<T> Forever<T>(CancellationToken cancellationToken)
    {
        await Task.Delay(Timeout.Infinite, cancellationToken);
        throw new OperationCanceledException(cancellationToken);
    }

    private static async Task Failed(Task work)
    {
        await work.ContinueWith(_ => { }, TaskScheduler.Default);
        await (work.IsFaulted ? work : Task.Delay(Timeout.Infinite));
    }
}

/// <summary>What runs on one data folder.</summary>
public sealed record LocalOptions
{
    /// <value>Folder of journal and queue, with <c>sana.json</c> where there is one; made when missing. One process owns it at a time. Null keeps both in memory, for a command whose outputs say what is done.</value>
    public required string? Data { get; init; }

    /// <value>Where outputs go: a folder, <c>azurite[:container[/prefix]]</c>, a connection string or an https address. Default: the folder <c>blobs</c> in the data folder.</value>
    public string? Blobs { get; init; }

    /// <value>Folder of the checkpoint that the worker renders with, or a repository of the Hub. Default none: no worker, and runs wait until there is one.</value>
    public string? Checkpoint { get; init; }

    /// <value>Folder for graphs. Default: beside the weights where that can be written.</value>
    public string? Graphs { get; init; }

    /// <value>Folder or repository of an autoencoder whose decoder takes the place of the checkpoint's own. Default none.</value>
    public string? Decoder { get; init; }

    /// <value>Adapters that images may be asked for with, by name, beside those of <c>sana.json</c>: the place of each. Default none.</value>
    public IReadOnlyDictionary<string, string> Loras { get; init; } = new Dictionary<string, string>();

    /// <value>Control networks that images may be asked for with, by name, beside those of <c>sana.json</c>: the place of each. Default none.</value>
    public IReadOnlyDictionary<string, string> Controls { get; init; } = new Dictionary<string, string>();

    /// <summary>The value of <see cref="Judges"/> that takes those of <c>sana.json</c> away.</summary>
    public const string NoJudges = "none";

    /// <value>Path of a file whose judges look at every image before it is written, as <c>captioners.json</c> has them; or <see cref="NoJudges"/>. Default: those of <c>sana.json</c>.</value>
    public string? Judges { get; init; }

    /// <value>What becomes of an image outside a limit of a judge: <c>withhold</c> or <c>quarantine</c>. Default: as <c>sana.json</c> says, or withhold.</value>
    public string? OutsideLimits { get; init; }

    /// <value>cpu, cuda or cuda:N. Default cpu.</value>
    public string Device { get; init; } = "cpu";

    /// <value>What text encoder and transformer compute in: auto, float32, w8a8 (processors) or mixed (GPUs). Default auto: mixed on a GPU, float32 on a processor.</value>
    public string Precision { get; init; } = "auto";

    /// <value><c>sqlite</c>, <c>azurite[:queue]</c>, a connection string, with <c>;Queue=name</c> for another queue than <c>sana-jobs</c>, or an https address. Default sqlite.</value>
    public string Queue { get; init; } = "sqlite";

    /// <value>Where instances are kept: <c>sqlite</c>, in the data folder, for one process; or a storage account that several processes share: <c>azurite[:hub]</c>, a connection string with <c>;TaskHub=name</c> for another hub than <c>sana</c>, or an https address. Default sqlite.</value>
    public string Journal { get; init; } = "sqlite";

    /// <value>Activities that run at once, 0…10,000. Default 32.</value>
    public int MaxParallelSteps { get; init; } = 32;

    /// <value>How the worker treats its messages; its device is taken from <see cref="Device"/>.</value>
    public RenderWorkerOptions Worker { get; init; } = new();

    /// <value>Networks that downloads of a manifest's URLs may reach although they are not public, beside those of <c>sana.json</c>. Default none.</value>
    public IReadOnlyList<IPNetwork> DownloadNetworks { get; init; } = [];

    /// <value>What <c>sana.json</c> says. Default: it is read when the folder is opened.</value>
    internal ServerFile? Config { get; init; }

    /// <value>Where everything writes its log. Default nowhere.</value>
    public ILoggerFactory Logging { get; init; } = NullLoggerFactory.Instance;

    /// <value>The clock of timers, holds and time stamps. Default the system's.</value>
    public TimeProvider Clock { get; init; } = TimeProvider.System;
}
