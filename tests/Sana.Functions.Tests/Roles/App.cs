using Microsoft.Azure.Functions.Worker;
using Microsoft.Extensions.Hosting.Internal;
using Microsoft.Extensions.Logging.Abstractions;
using Sana.Functions.Durable;
using Sana.Functions.Hosting;
using Sana.Functions.Http;
using Sana.Functions.Rendering;
using Sana.Jobs.Generation;
using Sana.Jobs.Rendering;
using Sana.Storage.Net;
using Sana.Tests.Support;

namespace Sana.Functions.Tests.Roles;

/// <summary>One deployed app: its settings and the services of its role.</summary>
internal sealed class App : IDisposable
{
    private readonly ApplicationLifetime _lifetime = new(NullLogger<ApplicationLifetime>.Instance);
    private readonly GuardedHttp _http = new(new UrlRules());

    public App(string storage, string blobs, string role, IRenderer? renderer = null)
    {
        Settings = new FunctionsSettings { Role = role, Blobs = blobs, Road = "storage", HostStorage = storage, Checkpoint = "/weights", Hostname = "func.example.net", CurationSource = storage + ";Container=inbox" };
        Wiring = new Wiring(cancellation => HostParts.Open(Settings, Engine, _http, TimeProvider.System, cancellation));
        Source = new RendererSource(_ => Task.FromResult(renderer ?? new FakeRenderer()));
        Warm = new WarmUp(Source, TimeProvider.System, NullLogger<WarmUp>.Instance);
        Desk = new RenderDesk(Wiring, Source, Warm, Engine, Settings, TimeProvider.System, _lifetime, NullLogger<RenderDesk>.Instance);
        Door = new Door(Wiring, Engine, Settings);
    }

    public FunctionsSettings Settings { get; }

    public EngineSlot Engine { get; } = new();

    public Wiring Wiring { get; }

    public RendererSource Source { get; }

    public WarmUp Warm { get; }

    public RenderDesk Desk { get; }

    public Door Door { get; }

    public async Task WarmedUp()
    {
        await Warm.StartAsync(CancellationToken.None);
        await Warm.ExecuteTask!;
    }

    public void Dispose()
    {
        Warm.Dispose();
        Source.Dispose();
        Wiring.Dispose();
        _http.Dispose();
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
