using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace DurableTask.Sqlite.Tests;

/// <summary>A host as the scenarios see it.</summary>
internal interface IScenarioHost : IAsyncDisposable
{
    DurableTaskClient Client { get; }

    FakeTimeProvider Clock { get; }

    Fakes Activities { get; }

    /// <summary>Kills the process that runs the orchestrations and starts another.</summary>
    Task Kill();

    Task Start(string orchestration, object? input, string id = "i") =>
        Client.ScheduleNewOrchestrationInstanceAsync(orchestration, input, new StartOrchestrationOptions(InstanceId: id));

    Task<OrchestrationMetadata> Wait(string id = "i") => Client.WaitForInstanceCompletionAsync(id, getInputsAndOutputs: true, TestContext.Current.CancellationToken);

    async Task<OrchestrationMetadata> Get(string id = "i") => (await Client.GetInstanceAsync(id, getInputsAndOutputs: true))!;

    /// <summary>Lets time pass, in leaps, until something has happened.</summary>
    async Task<T> PassTime<T>(Task<T> until)
    {
        while (!until.IsCompleted)
        {
            Clock.Advance(TimeSpan.FromSeconds(20));
            await Task.Delay(1);
        }

        return await until;
    }

    async Task Eventually(Func<Task<bool>> holds)
    {
        var patience = TimeSpan.FromSeconds(20);
        for (var begin = TimeProvider.System.GetTimestamp(); !await holds();)
        {
            Assert.True(TimeProvider.System.GetElapsedTime(begin) < patience, "It did not happen in time.");
            await Task.Delay(1);
        }
    }

    Task Begun(int count) => Eventually(() => Task.FromResult(Activities.Begun >= count));
}
