using Microsoft.Azure.Functions.Worker;
using Microsoft.Extensions.Hosting.Internal;
using Microsoft.Extensions.Logging.Abstractions;
using Sana.Jobs.Networks;
using Sana.Tests.Support;

namespace Sana.Functions.Tests.Roles;

/// <summary>One deployed app: its settings and the services of its role.</summary>
internal sealed class App : IDisposable
{
    private readonly ApplicationLifetime _lifetime = new(NullLogger<ApplicationLifetime>.Instance);
    private readonly NetworkLoader _networks = new();

    public App(string storage, string blobs, string role, IRenderer? renderer = null)
    {
        Settings = new FunctionsSettings { Role = role, Blobs = blobs, Queue = "storage", HostStorage = storage, Checkpoint = "/weights", Hostname = "func.example.net", CurationSource = storage + ";Container=inbox" };
        Source = new RendererSource(_ => Task.FromResult(renderer ?? new FakeRenderer()));
        Jobs = new AppJobs(Settings, DurableClient, Source, _networks, TimeProvider.System);
        Warm = new WarmUp(Source, TimeProvider.System, NullLogger<WarmUp>.Instance);
        Processor = new MessageProcessor(Jobs, Warm, TimeProvider.System, _lifetime, NullLogger<MessageProcessor>.Instance);
        Requests = new ApiRequests(Jobs, DurableClient, Settings);
    }

    public FunctionsSettings Settings { get; }

    public DurableClientHolder DurableClient { get; } = new();

    public AppJobs Jobs { get; }

    public RendererSource Source { get; }

    public WarmUp Warm { get; }

    public MessageProcessor Processor { get; }

    public ApiRequests Requests { get; }

    public async Task WarmedUp()
    {
        await Warm.StartAsync(CancellationToken.None);
        await Warm.ExecuteTask!;
    }

    public void Dispose()
    {
        Warm.Dispose();
        Source.Dispose();
        Jobs.DisposeAsync().AsTask().GetAwaiter().GetResult();
        _networks.Dispose();
    }

    /// <summary>An invocation outside of a worker: it is never canceled, and knows nothing else.</summary>
    internal sealed class Invocation : FunctionContext
    {
        public override string InvocationId => throw new NotSupportedException();

        public override string FunctionId => throw new NotSupportedException();

        public override TraceContext TraceContext => throw new NotSupportedException();

        public override BindingContext BindingContext => throw new NotSupportedException();

        public override RetryContext RetryContext => throw new NotSupportedException();

        public override IServiceProvider InstanceServices
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override FunctionDefinition FunctionDefinition => throw new NotSupportedException();

        public override IDictionary<object, object> Items
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override IInvocationFeatures Features => throw new NotSupportedException();
    }
}
