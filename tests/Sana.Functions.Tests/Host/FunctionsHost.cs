using System.Collections.Concurrent;
using System.Net;
using DurableTask.Core;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.DurableTask.Testing.Sidecar;
using Microsoft.DurableTask.Testing.Sidecar.Grpc;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Sana.Functions.Tests.Host.Wire;

namespace Sana.Functions.Tests.Host;

/// <summary>
/// The host's side of the Functions worker protocol for as many apps as a test has: each is the real worker process. The server that the workers connect to also serves
/// the task hub, Durable's own in memory.
/// </summary>
internal sealed class FunctionsHost : IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, FunctionsWorker> _workers = [];
    private readonly WebApplication _server;

    private FunctionsHost(ILoggerFactory logs)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, port => port.Protocols = HttpProtocols.Http2));
        builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = TimeSpan.FromSeconds(1));
        builder.Services.AddGrpc(options => options.MaxReceiveMessageSize = null);
        var hub = new InMemoryOrchestrationService(logs);
        builder.Services.AddSingleton<IOrchestrationService>(hub).AddSingleton<IOrchestrationServiceClient>(hub).AddSingleton<TaskHubGrpcServer>();
        builder.Services.AddSingleton(new Door(_workers));
        _server = builder.Build();
        _server.MapGrpcService<TaskHubGrpcServer>();
        _server.MapGrpcService<Door>();
    }

    public Uri Address { get; private set; } = null!;

    public TaskHub Hub { get; private set; } = null!;

    public IReadOnlyCollection<FunctionsWorker> Workers => [.. _workers.Values];

    public static async Task<FunctionsHost> Start()
    {
        var host = new FunctionsHost(LoggerFactory.Create(_ => { }));
        await host._server.StartAsync();
        host.Address = new Uri(host._server.Urls.Single());
        host.Hub = new TaskHub(host);
        return host;
    }

    /// <summary>Starts an app and takes it as far as a host does before the first invocation.</summary>
    /// <param name="settings">Its app settings, which become the environment of its process.</param>
    public async Task<FunctionsWorker> StartApp(IReadOnlyDictionary<string, string> settings)
    {
        var id = Guid.NewGuid().ToString();
        var worker = new FunctionsWorker(id, this, settings);
        _workers[id] = worker;
        await worker.Start().WaitAsync(TimeSpan.FromMinutes(1));
        return worker;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var worker in _workers.Values)
            await worker.DisposeAsync();
        await Hub.DisposeAsync();
        await _server.DisposeAsync();
    }

    /// <summary>Hands each connection to the worker that its first message names.</summary>
    private sealed class Door(ConcurrentDictionary<string, FunctionsWorker> workers) : FunctionRpc.FunctionRpcBase
    {
        public override async Task EventStream(IAsyncStreamReader<StreamingMessage> requestStream, IServerStreamWriter<StreamingMessage> responseStream, ServerCallContext context)
        {
            if (await requestStream.MoveNext(context.CancellationToken) && requestStream.Current.StartStream is { } start)
                await workers[start.WorkerId].Talk(requestStream, responseStream, context.CancellationToken);
        }
    }
}
