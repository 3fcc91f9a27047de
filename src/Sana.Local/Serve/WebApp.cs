using System.Text.Json;
using System.Threading.RateLimiting;
using DurableTask.Sqlite;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;
using Sana.Jobs.Http;
using Sana.Jobs.Telemetry;
using Sana.Local.Hosting;

namespace Sana.Local.Serve;

/// <summary>The web server: what it is made of, and in which order a request meets it.</summary>
internal static class WebApp
{
    private const long MaxBody = 33L << 20;

    // What a script may read beside the body.
    private static readonly string[] ShownToOtherOrigins = ["ETag", "Location", "Preference-Applied", "Retry-After", "x-ignored-fields", "x-request-id", "x-should-retry"];

    private static readonly string Version = typeof(WebApp).Assembly.GetName().Version!.ToString(3);

    public static WebApplication Build(ServeSettings settings, ApiHandlers api, Func<QueueWatch, StatusPage> page, ILoggerFactory logging)
    {
        // No configuration of the machine reaches in: neither ASPNETCORE_* nor an appsettings.json of the folder it is started in.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "sana", EnvironmentName = Environments.Production });
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = MaxBody;
            kestrel.Limits.MaxConcurrentConnections = DescriptorLimit.Connections(DescriptorLimit.Max);
        });
        builder.Services.Configure<SocketTransportOptions>(sockets => sockets.Backlog = DescriptorLimit.Backlog(DescriptorLimit.Max));
        builder.WebHost.UseUrls([.. settings.Urls.Select(url => url.GetLeftPart(UriPartial.Authority))]);
        WebApplication? app = null;
        builder.Services.AddSingleton<ILoggerFactory>(new StartLogs(logging, () => app?.Lifetime.ApplicationStarted.IsCancellationRequested == true));
        AddServices(builder.Services, settings, api.Parts);

        app = builder.Build();
        app.Use(next => context => EveryRequest.Pass(context, next));
        app.UseExceptionHandler(new ExceptionHandlerOptions
        {
            SuppressDiagnosticsCallback = failed => failed.Exception is OperationCanceledException or JournalUnavailableException,
            ExceptionHandler = context => Fault(context).ExecuteAsync(context),
        });
        app.UseTrustedProxies(settings);
        var address = new OutsideAddress(settings);
        app.Use(next => context => address.Pass(context, next));
        if (settings.CorsOrigins.Count > 0)
            app.UseCors();
        var sessions = new PageSessions(settings.Keys, api.Parts.Links);
        var gate = new ApiAuthorization(settings, api.Parts.Links, sessions);
        app.Use(next => context => gate.Pass(context, next));
        app.UseStatusCodePages(pages => ApiResponse.ForStatus(pages.HttpContext.Request, pages.HttpContext.Response.StatusCode).ExecuteAsync(pages.HttpContext));
        app.UseRouting();
        app.UseRateLimiter();
        app.MapApi(api);
        app.MapOpenApi("/openapi/{documentName}.json");
        app.MapPrometheusScrapingEndpoint("/metrics");
        var watch = app.Services.GetRequiredService<QueueWatch>();
        app.MapHealth(api.Parts, watch);
        sessions.Map(app);
        page(watch).Map(app, sessions);
        return app;
    }

    private static IResult Fault(HttpContext context) => context.Features.Get<IExceptionHandlerFeature>()?.Error is JournalException fault
        ? ApiResponse.ForUnavailable(context.Request, fault.Message)
        : ApiResponse.ForStatus(context.Request, 500);

    private static void AddServices(IServiceCollection services, ServeSettings settings, ApiParts parts)
    {
        services.AddRoutingCore();
        services.AddSingleton<IHostLifetime, NoLifetime>();
        services.AddSingleton(new QueueWatch(parts.Queue, parts.Clock));
        services.AddHostedService(all => all.GetRequiredService<QueueWatch>());
        // Without credentials: a page of another origin sends a key of its own, and never what the browser keeps for this server.
        services.AddCors(cors => cors.AddDefaultPolicy(named => named.WithOrigins([.. settings.CorsOrigins]).AllowAnyHeader().AllowAnyMethod().WithExposedHeaders(ShownToOtherOrigins)));
        services.ConfigureHttpJsonOptions(json => json.SerializerOptions.PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower);
        services.AddOpenApi("v1", document => document.AddDocumentTransformer((made, _, _) =>
        {
            (made.Info.Title, made.Info.Version, made.Info.Description) = ("Sana", "1", "Text to images, one at a time or by the million. Errors are application/problem+json.");
            return Task.CompletedTask;
        }));
        services.AddRateLimiter(limits =>
        {
            limits.RejectionStatusCode = 429;
            limits.AddConcurrencyLimiter(ApiRoutes.Heavy, heavy => (heavy.PermitLimit, heavy.QueueLimit, heavy.QueueProcessingOrder) = (4, 32, QueueProcessingOrder.OldestFirst));
        });

        var telemetry = services.AddOpenTelemetry()
            // OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES have the last word.
            .ConfigureResource(resource => resource.AddService("sana", serviceVersion: Version, autoGenerateServiceInstanceId: false).AddEnvironmentVariableDetector())
            .WithMetrics(metrics => metrics.AddMeter(SanaTelemetry.Name, "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "System.Runtime").AddPrometheusExporter())
            .WithTracing(traces => traces.AddSource(SanaTelemetry.Name).AddAspNetCoreInstrumentation());
        // The standard variables say where traces go; without them they are made, handed on in messages, and sent nowhere.
        if (Environment.GetEnvironmentVariable("OTEL_EXPORTER_OTLP_ENDPOINT") is { Length: > 0 })
            telemetry.WithTracing(traces => traces.AddOtlpExporter()).WithMetrics(metrics => metrics.AddOtlpExporter());
    }

    /// <summary>Signals belong to the command line.</summary>
    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
