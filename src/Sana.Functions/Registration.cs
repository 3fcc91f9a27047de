using Azure.Core.Serialization;
using Azure.Identity;
using Azure.Monitor.OpenTelemetry.Exporter;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.OpenTelemetry;
using Microsoft.DurableTask.Client;
using Microsoft.DurableTask.Worker;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using Sana.Inference.Diffusion;
using Sana.Inference.Runtime;
using Sana.Jobs.Durable;
using Sana.Jobs.Networks;
using Sana.Jobs.Telemetry;

namespace Sana.Functions;

/// <summary>The services of both roles.</summary>
internal static class Registration
{
    /// <summary>
    /// The host passes on what is said during an invocation, and nothing else but the console of this process: without it nobody hears why the networks cannot be loaded. It reads
    /// line by line, so a message with its exception is one line.
    /// </summary>
    public static ILoggingBuilder AddOneLineConsole(this ILoggingBuilder logging) => logging
        .AddSimpleConsole(console => (console.SingleLine, console.ColorBehavior) = (true, LoggerColorBehavior.Disabled))
        .AddFilter<ConsoleLoggerProvider>("Azure", LogLevel.Warning)
        .AddFilter<ConsoleLoggerProvider>("Microsoft", LogLevel.Warning)
        .AddFilter<ConsoleLoggerProvider>("System", LogLevel.Warning);

    public static IServiceCollection AddSana(this IServiceCollection services, IConfiguration configuration)
    {
        var settings = FunctionsSettings.Read(configuration);
        services.AddSingleton(settings);
        services.AddSingleton(TimeProvider.System);
        // One form of values for orchestrations, activities and clients, the same as in the local journal.
        services.Configure<WorkerOptions>(worker => worker.Serializer = new JsonObjectSerializer(WorkflowJson.Options));
        services.Configure<DurableTaskWorkerOptions>(durable => durable.DataConverter = WorkflowJson.Converter);
        services.Configure<DurableTaskClientOptions>(durable => durable.DataConverter = WorkflowJson.Converter);
        services.AddSingleton<DurableClientHolder>();
        // Orchestrators have no GPU, whatever the app that renders has.
        services.AddSingleton(all => new NetworkLoader
        {
            Device = Device.Parse(settings.IsGpu ? settings.Device : "cpu"),
            Precision = settings.IsGpu ? PrecisionName.Parse(settings.Precision) : Precision.Auto,
            Checkpoint = settings.Checkpoint,
            Weights = settings.Weights,
            CurationWeights = settings.CurationWeights,
            Decoder = settings.IsGpu ? settings.Decoder : null,
            LoraWeights = settings.IsGpu ? settings.Loras : null,
            ControlWeights = settings.IsGpu ? settings.Controls : null,
            Gate = settings.IsGpu ? settings.Gate() : null,
        });
        services.AddSingleton(all => new RendererSource(all.GetRequiredService<NetworkLoader>().LoadPipeline));
        services.AddSingleton<AppJobs>();
        services.AddSingleton<ApiRequests>();
        services.AddSingleton<WarmUp>();
        services.AddSingleton<MessageProcessor>();
        services.AddHostedService(all => all.GetRequiredService<MessageProcessor>());
        if (settings.IsGpu && settings.Checkpoint is not null)
        {
            services.AddHostedService(all => all.GetRequiredService<WarmUp>());
            services.AddHostedService(all => ActivatorUtilities.CreateInstance<ModelCardDisplay>(all, () => all.GetRequiredService<NetworkLoader>().Facts, () => all.GetRequiredService<NetworkLoader>().GateCard));
        }

        return services.AddTelemetry(configuration["APPLICATIONINSIGHTS_CONNECTION_STRING"]);
    }

    private static IServiceCollection AddTelemetry(this IServiceCollection services, string? connection)
    {
        var telemetry = services.AddOpenTelemetry()
            .WithMetrics(metrics => metrics.AddMeter(SanaTelemetry.Name))
            .WithTracing(traces => traces.AddSource(SanaTelemetry.Name))
            .UseFunctionsWorkerDefaults();
        if (!string.IsNullOrEmpty(connection))
            telemetry.UseAzureMonitorExporter(monitor => (monitor.ConnectionString, monitor.Credential) = (connection, new DefaultAzureCredential()));
        return services;
    }
}
