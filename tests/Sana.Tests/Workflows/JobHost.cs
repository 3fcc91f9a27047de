using System.Collections.Concurrent;
using DurableTask.Sqlite;
using Microsoft.DurableTask.Testing.Sidecar;
using Microsoft.DurableTask.Worker;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Sana.Curation.Captioning;
using Sana.GraphBuilder;
using Sana.Inference.Clip;
using Sana.Jobs.Curation;
using Sana.Jobs.Durable;
using Sana.Jobs.Generation;
using Sana.Jobs.Http;
using Sana.Jobs.Networks;
using Sana.Jobs.Requests;
using Sana.Jobs.Worker;
using Sana.Local.Hosting;
using Sana.Local.Queue;
using Sana.Storage.Blobs;
using Sana.Storage.Net;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Workflows;

/// <summary>Both workflows with blobs, a queue and a worker that the test turns by hand: one message at a time, so that every order of events can be had.</summary>
internal abstract class JobHost : IAsyncDisposable
{
    private readonly TempFolder _folder = new();
    private readonly GuardedHttp _webhooks = new(new UrlRules());
    private JobHandler? _handler;
    private CurateSteps? _curation;
    private BuiltClip? _clip;
    private BuiltSiglip? _siglip;
    private readonly Dictionary<string, BuiltJudge> _judges = [];
    private readonly NetworkLoader _networks = new();

    protected JobHost(DateTimeOffset? now = null)
    {
        Clock = now is { } start ? new FakeTimeProvider(start) : new FakeTimeProvider();
        Blobs = FileBlobs.Open(_folder.File("blobs"));
        Queue = SqliteJobQueue.Open(_folder.File("queue.db"), Clock);
        Source = new RendererSource(_ => Task.FromResult<IRenderer>(Renderer));
    }

    public abstract WorkflowClient Client { get; }

    public FakeTimeProvider Clock { get; }

    public IRenderer Renderer { get; set; } = new FakeRenderer();

    public IBlobs Blobs { get; }

    public SqliteJobQueue Queue { get; }

    public RendererSource Source { get; }

    public RenderWorkerOptions Options { get; init; } = new();

    /// <summary>What each captioner says of an image when it is asked for the n-th time, by label.</summary>
    public Dictionary<string, Func<CaptionAsk, int, CaptionAnswer>> Answers { get; } = [];

    /// <summary>Those that a run has made.</summary>
    public ConcurrentDictionary<string, FakeCaptioner> Captioners { get; } = new();

    public string File(string name) => _folder.File(name);

    /// <summary>Folder of the small CLIP checkpoint, built.</summary>
    public string Clip()
    {
        if (_clip is null)
            (_clip = new BuiltClip()).Build(new BuildOptions { Precision = GraphPrecision.W8A8 });
        return _clip.Folder;
    }

    /// <summary>Folder of the small SigLIP 2 checkpoint, built.</summary>
    public string Siglip()
    {
        if (_siglip is null)
            (_siglip = new BuiltSiglip()).Build();
        return _siglip.Folder;
    }

    /// <summary>Folder of a small judge's checkpoint: classifier or safety-checker.</summary>
    public string Judge(string kind) => (_judges.TryGetValue(kind, out var judge) ? judge : _judges[kind] = new BuiltJudge(kind)).Folder;

    public JobHandler Handler => _handler ??= new JobHandler(Blobs, Client, Source, Queue.Name, Options, Clock);

    /// <summary>Takes one message and does with it what the handler says; null when there is none.</summary>
    public async Task<Settlement?> Turn()
    {
        if (await Queue.Receive(Options.Visibility) is not { } message)
            return null;
        var verdict = await Handler.Handle(message, progress: null, CancellationToken.None);
        Assert.True(verdict.Kind switch
        {
            SettlementKind.Complete => await Queue.Complete(message),
            SettlementKind.Abandon => await Queue.Abandon(message, verdict.Delay, verdict.Note),
            _ => await Queue.DeadLetter(message, verdict.Reason!, verdict.Message!),
        });
        return verdict;
    }

    /// <summary>Works, and lets time pass when there is nothing to take, until the instance has ended.</summary>
    public async Task<WorkflowInstance> Work(string id)
    {
        var end = Client.Wait(id);
        while (!end.IsCompleted)
        {
            if (await Turn() is null)
            {
                // Slower than the engine's own work, so that no deadline passes while a step is at it.
                Clock.Advance(TimeSpan.FromMilliseconds(200));
                await Task.Delay(1);
            }
        }

        return await end;
    }

    public TaskRegistry Registry()
    {
        var registry = new TaskRegistry();
        _curation = new CurateSteps(Blobs, new CurationTools
        {
            Captioner = (config, _) => Task.FromResult<ICaptioner>(Captioners[config.Label] = new FakeCaptioner(config, (ask, times) => Answers[config.Label](ask, times))),
            Scorer = (checkpoint, precision, _) => Task.Run(() => ClipScorer.Load(checkpoint, new ClipScorerOptions { Precision = precision })),
            Judge = _networks.LoadJudge,
            Clock = Clock,
        });
        _curation.AddTo(registry);
        new JobSteps(Blobs, Queue, _webhooks, new Dictionary<string, byte[]>(), Clock).AddTo(registry, Client);
        new BatchFileSteps(Blobs, async cancellation => await Source.Get(cancellation), Clock).AddTo(registry);
        return new GenerateSteps(Blobs, Queue, async cancellation => await Source.Get(cancellation), Clock).AddTo(registry);
    }

    public virtual ValueTask DisposeAsync()
    {
        Queue.Dispose();
        Source.Dispose();
        _webhooks.Dispose();
        _curation?.Dispose();
        _clip?.Dispose();
        _siglip?.Dispose();
        _networks.Dispose();
        foreach (var judge in _judges.Values)
            judge.Dispose();
        _folder.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>On the local engine.</summary>
    internal sealed class Sqlite : JobHost
    {
        private readonly DurableHost _engine;

        public Sqlite(DateTimeOffset? now = null)
            : base(now) => _engine = DurableHost.Open(new LocalOptions { Data = File("data"), Clock = Clock }).GetAwaiter().GetResult();

        public override WorkflowClient Client => _engine.Client;

        /// <param name="now">What the clock says at first. Default the year 2000. It is never set on by years: each timer between would be called.</param>
        public static async Task<JobHost> Start(DateTimeOffset? now = null)
        {
            var host = new Sqlite(now);
            await host._engine.Start(host.Registry());
            return host;
        }

        public override async ValueTask DisposeAsync()
        {
            await _engine.DisposeAsync();
            await base.DisposeAsync();
        }
    }

    /// <summary>On Microsoft's service in memory, which keeps the system's time.</summary>
    internal sealed class InMemory : JobHost
    {
        private ServiceProvider? _services;

        public override WorkflowClient Client { get; }

        private InMemory(InMemoryOrchestrationService service)
        {
            var client = new OrchestrationServiceDurableTaskClient("tests", WorkflowJson.Converter, service);
            Client = new WorkflowClient(() => client);
        }

        public static async Task<JobHost> Start()
        {
            var service = new InMemoryOrchestrationService(NullLoggerFactory.Instance);
            var host = new InMemory(service);
            var services = new ServiceCollection();
            services.AddDurableTaskWorker(worker => worker
                .AddTasks(tasks => host.Registry().AddTo(tasks, () => ActivityCancellation.Current))
                .Configure(settings => settings.DataConverter = WorkflowJson.Converter)
                .UseOrchestrationService(_ => new OrchestrationServiceOptions { Service = service }));
            host._services = services.BuildServiceProvider();
            foreach (var worker in host._services.GetServices<IHostedService>())
                await worker.StartAsync(default);
            return host;
        }

        public override async ValueTask DisposeAsync()
        {
            foreach (var worker in _services!.GetServices<IHostedService>())
                await worker.StopAsync(default);
            await _services!.DisposeAsync();
            await base.DisposeAsync();
        }
    }
}
