using Microsoft.Extensions.Time.Testing;
using Sana.Workflows.Contract;
using Xunit;

namespace Sana.Tests.Engine;

/// <summary>An engine as the scenarios see it.</summary>
internal interface IScenarioHost : IAsyncDisposable
{
    IWorkflowClient Client { get; }

    FakeTimeProvider Clock { get; }

    Fakes Steps { get; }

    /// <summary>Kills the process that runs the workflows and starts another. An engine in memory has none.</summary>
    Task Kill();

    /// <summary>Whether the engine has heard of so many ends of steps, be the instance suspended or not.</summary>
    async Task<bool> HasHeard(string id, int steps) => (await Client.Get(id))!.StepsDone >= steps;

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
}
