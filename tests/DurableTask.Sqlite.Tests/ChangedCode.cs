using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Xunit;

namespace DurableTask.Sqlite.Tests;

/// <summary>A running instance meets code that is not the code it began with.</summary>
public class ChangedCode
{
    [Fact]
    public async Task Another_activity_at_the_same_place_is_refused()
    {
        await using var host = await HalfDone();

        await host.Kill(With(host, async (context, number) => await context.CallActivityAsync<int>("Triple", number) + await context.CallActivityAsync<int>(Fakes.Gated, 1)));

        Assert.Matches("^The code of orchestration 'Half' does not fit what instance i recorded: .*Double.*Triple.* Run it with the program that began it, or terminate it.$", await Refusal(host));
    }

    [Fact]
    public async Task Fewer_calls_are_refused()
    {
        await using var host = await HalfDone();

        await host.Kill(With(host, (_, number) => Task.FromResult(number)));

        Assert.Contains(Fakes.Double, await Refusal(host), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unknown_orchestration_is_refused()
    {
        await using var host = await HalfDone();

        await host.Kill(host.Everything);

        Assert.Contains("No orchestration 'Half' is registered in this program.", await Refusal(host), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_refused_shows_why_and_is_not_purged()
    {
        await using var host = await HalfDone();
        await host.Kill(host.Everything);
        var sentence = await Refusal(host);

        var seen = await host.Client.GetInstanceAsync("i");
        var purged = await host.Client.PurgeInstanceAsync("i");

        Assert.Equal((OrchestrationRuntimeStatus.Running, sentence, 0), (seen!.RuntimeStatus, seen.FailureDetails!.ErrorMessage, purged.PurgedInstanceCount));
    }

    [Fact]
    public async Task The_old_code_goes_on_where_it_stood()
    {
        await using var host = await HalfDone();
        await host.Kill(host.Everything);
        await Refusal(host);
        await host.Client.RaiseEventAsync("i", "unheard", 1);

        host.Activities.Open();
        await host.Kill(With(host, Half));
        var end = await ((IScenarioHost)host).Wait();

        Assert.Equal((OrchestrationRuntimeStatus.Completed, "15"), (end.RuntimeStatus, end.SerializedOutput));
        Assert.Null(end.FailureDetails);
    }

    [Fact]
    public async Task What_is_refused_can_be_terminated()
    {
        await using var host = await HalfDone();
        await host.Kill(host.Everything);
        await Refusal(host);

        await host.Client.TerminateInstanceAsync("i", "of no use");
        var end = await ((IScenarioHost)host).Wait();

        Assert.Equal((OrchestrationRuntimeStatus.Terminated, "of no use", null), (end.RuntimeStatus, end.SerializedOutput, end.FailureDetails));
    }

    private static async Task<int> Half(TaskOrchestrationContext context, int number) =>
        await context.CallActivityAsync<int>(Fakes.Double, number) + await context.CallActivityAsync<int>(Fakes.Gated, 1);

    private static async Task<SqliteHost> HalfDone()
    {
        var host = await SqliteHost.Start();
        await host.Kill(With(host, Half));
        await ((IScenarioHost)host).Start("Half", 7);
        await ((IScenarioHost)host).Begun(1);
        return host;
    }

    /// <summary>A gated activity may still run when the other program begins; its end, or a word, makes the turn that is refused.</summary>
    private static async Task<string> Refusal(SqliteHost host)
    {
        await host.Client.RaiseEventAsync("i", "wake", 1);
        return (await Assert.ThrowsAsync<OrchestrationRefusedException>(() => host.Client.WaitForInstanceCompletionAsync("i", TestContext.Current.CancellationToken))).Message;
    }

    private static Action<DurableTaskRegistry> With(SqliteHost host, Func<TaskOrchestrationContext, int, Task<int>> code) => tasks =>
    {
        host.Everything(tasks);
        tasks.AddOrchestratorFunc("Half", code);
    };
}
