using Microsoft.Extensions.Logging;
using Sana.GraphBuilder;
using Sana.Inference.Diffusion;
using Sana.Inference.Runtime;
using Sana.Jobs.Curation;
using Sana.Jobs.Durable;
using Sana.Jobs.Generation;
using Sana.Jobs.Queue;
using Sana.Jobs.Rendering;
using Sana.Local.Queue;
using Sana.Storage.Blobs;

namespace Sana.Local.Hosting;

/// <summary>Everything that runs on one data folder: blobs, queue, engine with both jobs, and the worker. Opened whole, closed in the opposite order.</summary>
public sealed class LocalHost : IAsyncDisposable
{
    private readonly CancellationTokenSource _drain = new();
    private readonly RendererSource _source;
    private readonly DurableHost _engine;
    private readonly Task _work;
    private readonly Task _control;
    private readonly IDisposable[] _owned;

    private LocalHost(IBlobs blobs, IJobQueue queue, DurableHost engine, RendererSource source, IDisposable[] owned, LocalOptions options)
    {
        (Blobs, Queue, _engine, _source, _owned) = (blobs, queue, engine, source, owned);
        Results = new JobResults(blobs);
        var worker = options.Worker with { Device = options.Device };
        Handler = new JobHandler(blobs, engine.Client, source, queue.Name, worker, options.Clock);
        Worker = new RenderWorker(queue, Handler, source, worker, options.Logging.CreateLogger<RenderWorker>());
        _control = ControlInbox.Serve(Path.GetFullPath(options.Data), engine.Client, options.Logging.CreateLogger(nameof(ControlInbox)), _drain.Token);
        _work = options.Checkpoint is null ? Task.CompletedTask : Task.Run(() => Worker.Run(_drain.Token));
        // One task: whoever looks again sees what has happened since.
        Stopped = Task.WhenAny(_engine.Stopped, Failed(_work)).Unwrap();
    }

    /// <summary>Starts, watches and steers the workflows.</summary>
    public WorkflowClient Client => _engine.Client;

    /// <summary>The road to the worker.</summary>
    public IJobQueue Queue { get; }

    /// <summary>Where outputs go.</summary>
    public IBlobs Blobs { get; }

    /// <summary>Result documents of jobs from outside.</summary>
    public JobResults Results { get; }

    /// <summary>Tells of each job from outside that has ended.</summary>
    public JobHandler Handler { get; }

    /// <summary>The worker; it stays in <see cref="WorkerState.Loading"/> when there is no checkpoint.</summary>
    public RenderWorker Worker { get; }

    /// <summary>Ends when the engine broke or the worker cannot load its networks, with the exception that says why; or when the host is closed.</summary>
    public Task Stopped { get; }

    /// <summary>Opens the data folder, goes on with what runs in it, and starts the worker.</summary>
    /// <exception cref="DurableTask.Sqlite.JournalException">Another process owns the folder, or its files cannot be opened.</exception>
    /// <exception cref="SanaException">The blobs or the queue cannot be opened, or their places are not understood.</exception>
    public static async Task<LocalHost> Open(LocalOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        var loaded = new LoadedPipeline(options);
        return await Open(options, loaded.Load, loaded, cancellationToken);
    }

    /// <summary>The same with a renderer of the caller's.</summary>
    internal static async Task<LocalHost> Open(
        LocalOptions options, Func<CancellationToken, Task<IRenderer>> load, IDisposable owned, CancellationToken cancellationToken)
    {
        options = options with { Device = Device.Parse(options.Device).ToString() };
        if (options is { Journal: not "sqlite", Queue: "sqlite" })
            throw new SanaException("A journal that several processes share needs a queue that they share: give --queue azurite[:queue] or a storage connection string.");
        var data = Path.GetFullPath(options.Data);
        var blobs = await BlobPlace.Parse(options.Blobs ?? Path.Combine(data, "blobs")).Open(cancellationToken);
        blobs = options.WrapBlobs?.Invoke(blobs) ?? blobs;
        var queue = await QueuePlace.Open(options.Queue, data, blobs, options.Clock, cancellationToken);
        var source = new RendererSource(load);
        DurableHost? engine = null;
        var tools = new LocalTools(options);
        var curation = new CurateSteps(blobs, tools.Lend());
        try
        {
            engine = await DurableHost.Open(options);
            // The folder is ours: who held a message is dead.
            (queue as SqliteJobQueue)?.ReleaseAll();
            var tasks = new TaskRegistry();
            new GenerateSteps(blobs, queue, source.Get, options.Clock).AddTo(tasks);
            curation.AddTo(tasks);
            options.Register?.Invoke(tasks, new LocalParts(blobs, queue, engine.Client));
            await engine.Start(tasks);
            return new LocalHost(blobs, queue, engine, source, [curation, tools, owned], options);
        }
        catch
        {
            if (engine is not null)
                await engine.DisposeAsync();
            (queue as IDisposable)?.Dispose();
            source.Dispose();
            Release([curation, tools, owned]);
            throw;
        }
    }

    /// <summary>The fingerprint of the checkpoint, once its networks are loaded.</summary>
    /// <exception cref="Inference.InferenceException">They cannot be loaded.</exception>
    public async Task<string> Fingerprint(CancellationToken cancellationToken) => (await _source.Get(cancellationToken)).Fingerprint;

    /// <summary>Drains the worker, closes the engine, then queue and networks. What was not done goes on at the next opening.</summary>
    public async ValueTask DisposeAsync()
    {
        await _drain.CancelAsync();
        await _work.ContinueWith(_ => { }, TaskScheduler.Default);
        await _control;
        await _engine.DisposeAsync();
        (Queue as IDisposable)?.Dispose();
        Release(_owned);
        _source.Dispose();
        _drain.Dispose();
    }

    private static void Release(IDisposable[] owned)
    {
        foreach (var one in owned)
            one.Dispose();
    }

    private static async Task Failed(Task work)
    {
        await work.ContinueWith(_ => { }, TaskScheduler.Default);
        await (work.IsFaulted ? work : Task.Delay(Timeout.Infinite));
    }

    /// <summary>The pipeline of the checkpoint; loading again releases the old one.</summary>
    private sealed class LoadedPipeline(LocalOptions options) : IDisposable
    {
        private SanaPipeline? _pipeline;

        public async Task<IRenderer> Load(CancellationToken cancellationToken)
        {
            // Without a checkpoint nothing can be planned here: the step waits for the process to end, and runs again in one that has it.
            if (options.Checkpoint is not { } checkpoint)
                await Task.Delay(Timeout.Infinite, cancellationToken);
            Dispose();
            _pipeline = await Task.Run(
                () =>
                {
                    SanaCheckpoint.Build(options.Checkpoint!, new BuildOptions());
                    return SanaPipeline.Load(options.Checkpoint!, new PipelineOptions { Device = Device.Parse(options.Device) });
                },
                cancellationToken);
            var renderer = new PipelineRenderer(_pipeline);
            return options.WrapRenderer?.Invoke(renderer) ?? renderer;
        }

        public void Dispose() => _pipeline?.Dispose();
    }
}
