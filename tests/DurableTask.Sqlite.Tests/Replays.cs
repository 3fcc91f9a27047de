using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Microsoft.DurableTask.Worker;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Sana.Tests.Support;
using Xunit;

namespace DurableTask.Sqlite.Tests;

/// <summary>Nothing is replayed while all goes well, and what is replayed decides the same.</summary>
public class Replays
{
    private readonly ConcurrentBag<bool> _replays = [];

    [Fact]
    public async Task Nothing_is_replayed_in_normal_running()
    {
        await using var host = await SqliteHost.Start(Add);

        await ((IScenarioHost)host).Start("Looks", 40);
        await Talk(host);

        Assert.Equal("\"40 hello\"", (await ((IScenarioHost)host).Wait()).SerializedOutput);
        Assert.DoesNotContain(true, _replays);
        Assert.Equal(43, _replays.Count);
    }

    [Fact]
    public async Task What_is_out_of_memory_is_replayed_and_decides_the_same()
    {
        await using var host = await SqliteHost.Start(Add, maxInstancesInMemory: 1);
        foreach (var id in new[] { "i", "j", "k" })
            await ((IScenarioHost)host).Start("Looks", 40, id);

        foreach (var id in new[] { "i", "j", "k" })
        {
            await Talk(host, id);
            Assert.Equal("\"40 hello\"", (await ((IScenarioHost)host).Wait(id)).SerializedOutput);
        }

        Assert.Contains(true, _replays);
    }

    [Fact]
    public async Task What_runs_over_a_restart_is_replayed_once_and_decides_the_same()
    {
        await using var host = await SqliteHost.Start(Add);
        await ((IScenarioHost)host).Start("Looks", 40);
        await ((IScenarioHost)host).Eventually(async () => (await host.Client.GetInstanceAsync("i"))!.SerializedCustomStatus == "\"listening\"");

        await host.Kill();
        await Talk(host);

        Assert.Equal("\"40 hello\"", (await ((IScenarioHost)host).Wait()).SerializedOutput);
        Assert.Equal(42, _replays.Count(replay => replay));
    }

    [Fact]
    public async Task The_worker_and_the_client_of_a_service_collection_work_with_versions_and_traces()
    {
        using var folder = new TempFolder();
        var services = new ServiceCollection();
        services.AddSqliteDurableTask(
            new SqliteOrchestrationServiceSettings { Path = folder.File("deep/journal.db") },
            tasks => tasks.AddOrchestratorFunc<int, string>("Trace", (context, _) => Task.FromResult($"{context.Version} {Activity.Current?.TraceId}")));
        services.Configure<DurableTaskWorkerOptions>(options => options.Versioning = new DurableTaskWorkerOptions.VersioningOptions
        {
            Version = "1.0",
            MatchStrategy = DurableTaskWorkerOptions.VersionMatchStrategy.CurrentOrOlder,
            FailureStrategy = DurableTaskWorkerOptions.VersionFailureStrategy.Fail,
        });
        using var listener = new ActivityListener { ShouldListenTo = _ => true, Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded };
        ActivitySource.AddActivityListener(listener);
        using var request = new Activity("request").Start();
        await using var provider = services.BuildServiceProvider();
        foreach (var hosted in provider.GetServices<IHostedService>())
            await hosted.StartAsync(default);
        var client = provider.GetRequiredService<DurableTaskClient>();

        async Task<OrchestrationMetadata> Run(string version) => await client.WaitForInstanceCompletionAsync(
            await client.ScheduleNewOrchestrationInstanceAsync("Trace", 1, new StartOrchestrationOptions { Version = version }), getInputsAndOutputs: true);

        Assert.Equal($"1.0 {request.TraceId}", (await Run("1.0")).ReadOutputAs<string>());
        Assert.Equal((OrchestrationRuntimeStatus.Failed, "VersionMismatch"), await Run("2.0") is var late ? (late.RuntimeStatus, late.FailureDetails!.ErrorType) : default);
        foreach (var hosted in provider.GetServices<IHostedService>())
            await hosted.StopAsync(default);
    }

    private static async Task Talk(SqliteHost host, string id = "i")
    {
        await ((IScenarioHost)host).Eventually(async () => (await host.Client.GetInstanceAsync(id))!.SerializedCustomStatus == "\"listening\"");
        await host.Client.RaiseEventAsync(id, "word", "hello");
    }

    private void Add(DurableTaskRegistry tasks) => tasks.AddOrchestratorFunc<int, string>("Looks", async (context, count) =>
    {
        _replays.Add(context.IsReplaying);
        var done = 0;
        while (done < count)
        {
            // The id is made of the history: another one in a replay would be another input.
            await context.CallActivityAsync<int>(Fakes.Double, context.NewGuid().GetHashCode());
            done++;
            _replays.Add(context.IsReplaying);
        }

        context.SetCustomStatus("listening");
        _replays.Add(context.IsReplaying);
        var word = await context.WaitForExternalEvent<string>("word");
        _replays.Add(context.IsReplaying);
        return $"{done} {word}";
    });
}
