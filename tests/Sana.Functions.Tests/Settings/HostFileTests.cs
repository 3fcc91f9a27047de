using System.Text.Json;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Sana.Functions.Tests.Infra;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Functions.Tests.Settings;

/// <summary>A key that the host does not know is ignored without a word: here it is an error. The keys are those of the public schema of host.json, of the sections that are used.</summary>
public sealed class HostFileTests
{
    private static readonly string[] Known =
    [
        "version", "functionTimeout", "telemetryMode", "logging", "logging.logLevel", "extensions",
        "extensions.http", "extensions.http.routePrefix",
        "extensions.durableTask", "extensions.durableTask.hubName", "extensions.durableTask.storageProvider", "extensions.durableTask.storageProvider.type",
        "extensions.durableTask.storageProvider.connectionStringName", "extensions.durableTask.storageProvider.workItemFilteringEnabled",
        "extensions.durableTask.maxConcurrentActivityFunctions", "extensions.durableTask.maxConcurrentOrchestratorFunctions",
        "extensions.durableTask.defaultVersion", "extensions.durableTask.versionMatchStrategy", "extensions.durableTask.versionFailureStrategy",
        "extensions.durableTask.tracing", "extensions.durableTask.tracing.traceInputsAndOutputs",
        "extensions.durableTask.tracing.distributedTracingEnabled", "extensions.durableTask.tracing.version",
        "extensions.queues", "extensions.queues.batchSize", "extensions.queues.newBatchThreshold", "extensions.queues.visibilityTimeout", "extensions.queues.maxPollingInterval",
        "extensions.queues.maxDequeueCount", "extensions.queues.messageEncoding",
        "extensions.serviceBus", "extensions.serviceBus.prefetchCount", "extensions.serviceBus.maxConcurrentCalls", "extensions.serviceBus.autoCompleteMessages",
        "extensions.serviceBus.maxAutoLockRenewalDuration",
    ];

    private static readonly JsonElement Host = JsonDocument.Parse(File.ReadAllText(Path.Combine(Repository.Root, "host.json"))).RootElement;

    [Fact]
    public void The_host_knows_every_key() =>
        Assert.Empty(Keys(Host, "").Where(key => !key.StartsWith("logging.logLevel.", StringComparison.Ordinal)).Except(Known));

    [Fact]
    public void A_gpu_holds_one_message_of_either_road()
    {
        var (queues, bus) = (Host.GetProperty("extensions").GetProperty("queues"), Host.GetProperty("extensions").GetProperty("serviceBus"));

        Assert.Equal(1, queues.GetProperty("batchSize").GetInt32());
        Assert.Equal(0, queues.GetProperty("newBatchThreshold").GetInt32());
        Assert.Equal(1, bus.GetProperty("maxConcurrentCalls").GetInt32());
        Assert.Equal(0, bus.GetProperty("prefetchCount").GetInt32());
        Assert.False(bus.GetProperty("autoCompleteMessages").GetBoolean());
    }

    [Fact]
    public void The_lock_is_renewed_longer_than_the_longest_job_and_the_host_waits_longer_still()
    {
        var longestJob = TimeSpan.FromSeconds(86_400);
        var renewal = TimeSpan.Parse(Host.GetProperty("extensions").GetProperty("serviceBus").GetProperty("maxAutoLockRenewalDuration").GetString()!, null);

        Assert.True(renewal > longestJob);
        Assert.True(TimeSpan.Parse(Host.GetProperty("functionTimeout").GetString()!, null) > renewal);
    }

    [Fact]
    public void Histories_stay_out_of_the_logs() =>
        Assert.False(Host.GetProperty("extensions").GetProperty("durableTask").GetProperty("tracing").GetProperty("traceInputsAndOutputs").GetBoolean());

    [Theory]
    [InlineData("Azure.Core", false)]
    [InlineData("Azure.Identity", false)]
    [InlineData("DurableTask.AzureStorage", false)]
    [InlineData("DurableTask.Core", false)]
    [InlineData("Host.Triggers.DurableTask", false)]
    [InlineData("Host.Startup", true)]
    [InlineData("Host.Results", true)]
    [InlineData("Function.RenderFromStorageQueue.User", true)]
    public void The_libraries_are_silent_until_something_is_wrong(string category, bool informs)
    {
        var levels = new ConfigurationBuilder().AddJsonFile(Path.Combine(Repository.Root, "host.json")).Build().GetSection("logging");
        using var services = new ServiceCollection().AddLogging(logging => logging.AddConfiguration(levels).AddProvider(new Listening())).BuildServiceProvider();
        var log = services.GetRequiredService<ILoggerFactory>().CreateLogger(category);

        Assert.Equal(informs, log.IsEnabled(LogLevel.Information));
        Assert.True(log.IsEnabled(LogLevel.Warning));
    }

    [Fact]
    public void Traces_go_from_orchestration_to_activity()
    {
        var tracing = Host.GetProperty("extensions").GetProperty("durableTask").GetProperty("tracing");

        Assert.True(tracing.GetProperty("distributedTracingEnabled").GetBoolean());
        Assert.Equal("V2", tracing.GetProperty("version").GetString());
    }

    [Fact]
    public void Local_settings_disable_only_functions_that_exist_and_hold_no_key()
    {
        var text = File.ReadAllText(Path.Combine(Repository.Root, "local.settings.json"));
        var values = JsonDocument.Parse(text).RootElement.GetProperty("Values").EnumerateObject().ToDictionary(value => value.Name, value => value.Value.GetString()!);

        Assert.All(values.Keys.Where(key => key.EndsWith(".Disabled", StringComparison.Ordinal)), key => Assert.Contains(key.Split('.')[1], DeclaredFunctions.All.Select(function => function.Name)));
        Assert.Equal("UseDevelopmentStorage=true", values["AzureWebJobsStorage"]);
        Assert.DoesNotContain("AccountKey", text, StringComparison.OrdinalIgnoreCase);
    }

    /// <summary>Takes every message that the levels let through.</summary>
    private sealed class Listening : ILoggerProvider, ILogger
    {
        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
        }

        public void Dispose()
        {
        }
    }

    private static IEnumerable<string> Keys(JsonElement element, string path) => element.ValueKind != JsonValueKind.Object ? [] : element.EnumerateObject()
        .SelectMany(property => Keys(property.Value, $"{path}{property.Name}.").Prepend(path + property.Name));
}
