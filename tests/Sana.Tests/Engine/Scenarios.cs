using Sana.Workflows.Contract;
using static Sana.Tests.Engine.ScenarioWorkflows;

namespace Sana.Tests.Engine;

/// <summary>What happens to an instance, and the one answer that every engine must give.</summary>
/// <param name="Name">A sentence.</param>
/// <param name="Play">Acts upon an engine and answers what was seen.</param>
/// <param name="Expected">The answer.</param>
internal sealed record Scenario(string Name, Func<IScenarioHost, Task<string>> Play, string Expected);

/// <summary>The table. It knows no engine: each takes it as it is.</summary>
internal static class Scenarios
{
    public static readonly Scenario[] All =
    [
        new("Steps run in order", host => Run(host, Chain, 3), "Completed 12"),
        new("A step fails and then succeeds", host => Run(host, Retries, "a", passTime: true), "Completed 3"),
        new("A step fails for good", host => Run(host, GivesUp, "b", passTime: true), "Failed doomed failed after 2 attempts: b is broken (2)"),
        new("A workflow lives on after a failure", host => Run(host, Recovers, "c"), "Completed \"doomed / System.IO.InvalidDataException / c is broken (1) / 1 / 42\""),
        new("A failure that retrying cannot cure is not retried", host => Run(host, NotWorthRetrying, "d"), "Failed doomed failed after 1 attempt: d is broken (1)"),
        new("An event comes before it is awaited", EventBeforeWait, "Completed \"hello world\""),
        new("An event comes after it is awaited", EventAfterWait, "Completed \"hello world\""),
        new("An event comes before its deadline", EventInTime, "Completed \"hello\""),
        new("A deadline passes", host => Run(host, ListensInTime, 5, passTime: true), "Completed \"nobody spoke\""),
        new("A timer rings", host => Run(host, Sleeps, 3, passTime: true), "Completed true"),
        new("A canceled workflow tidies up", Canceled, "Canceled enough, status 14"),
        new("A cancel reaches the children", CanceledWithChild, "Canceled enough, child Canceled"),
        new("A terminated workflow says nothing", Terminated, "Terminated enough"),
        new("A suspended workflow begins nothing", Suspended, "Suspended after 1, then Completed 10"),
        new("Children end well and badly", host => Run(host, Parent, 2, passTime: true), "Completed \"8, gives-up: doomed failed after 2 attempts: nothing is broken (2)\""),
        new("A workflow continues as new and loses no event", ContinuedAsNew, "Completed \"a2b4c6d8\" in 4 runs"),
        new("Killed in the midst of a fan-out", KilledInFanOut, "Completed 380"),
        new("Killed while it sleeps", KilledAsleep, "Completed true"),
        new("Killed with an event kept", KilledWithEvent, "Completed \"hello world\""),
        new("Killed between two attempts", KilledBetweenAttempts, "Completed 3"),
        new("Ten thousand children in windows", host => Run(host, ManyChildren, 10_000), "Completed 199980000"),
        new("An id is started twice", StartedTwice, "new True, again False Completed 12, restarted True Completed 20"),
        new("Ids are unique", host => Run(host, Unique, 50), "Completed true"),
    ];

    private static async Task<string> Run<TIn, TOut>(IScenarioHost host, Workflow<TIn, TOut> workflow, TIn input, bool passTime = false)
    {
        await host.Client.Start(workflow, input, "i");
        var end = host.Client.Wait("i");
        return Tell(passTime ? await host.PassTime(end) : await end);
    }

    private static string Tell(WorkflowInstance instance) => $"{instance.Status} {instance.Output ?? instance.Error}";

    private static async Task<string> EventBeforeWait(IScenarioHost host)
    {
        await host.Client.Start(Listens, 1, "i");
        await host.Client.RaiseEvent("i", "word", "hello");
        await host.Client.RaiseEvent("i", "word", "world");
        host.Steps.Open();
        return Tell(await host.Client.Wait("i"));
    }

    private static async Task<string> EventAfterWait(IScenarioHost host)
    {
        host.Steps.Open();
        await host.Client.Start(Listens, 1, "i");
        await Listening(host);
        await host.Client.RaiseEvent("i", "word", "hello");
        await host.Client.RaiseEvent("i", "word", "world");
        return Tell(await host.Client.Wait("i"));
    }

    private static async Task<string> EventInTime(IScenarioHost host)
    {
        await host.Client.Start(ListensInTime, 60, "i");
        await Listening(host);
        await host.Client.RaiseEvent("i", "word", "hello");
        return Tell(await host.Client.Wait("i"));
    }

    private static async Task<string> Canceled(IScenarioHost host)
    {
        await host.Client.Start(TidiesUp, 7, "i");
        await Begun(host, 1);
        await host.Client.Cancel("i", "enough");
        var end = await host.Client.Wait("i");
        return $"{Tell(end)}, status {end.CustomStatus}";
    }

    private static async Task<string> CanceledWithChild(IScenarioHost host)
    {
        await host.Client.Start(Waits, 7, "i");
        await Begun(host, 1);
        await host.Client.Cancel("i", "enough");
        var end = await host.Client.Wait("i");
        return $"{Tell(end)}, child {(await host.Client.Wait("i/child")).Status}";
    }

    private static async Task<string> Terminated(IScenarioHost host)
    {
        await host.Client.Start(TidiesUp, 7, "i");
        await Begun(host, 1);
        await host.Client.Terminate("i", "enough");
        return Tell(await host.Client.Wait("i"));
    }

    private static async Task<string> Suspended(IScenarioHost host)
    {
        await host.Client.Start(TwoGates, 5, "i");
        await Begun(host, 1);
        await host.Client.Suspend("i");
        host.Steps.Open();
        await host.Eventually(() => host.HasHeard("i", 1));
        var seen = $"{(await host.Client.Get("i"))!.Status} after {host.Steps.Begun}";
        await host.Client.Resume("i");
        return $"{seen}, then {Tell(await host.Client.Wait("i"))}";
    }

    private static async Task<string> ContinuedAsNew(IScenarioHost host)
    {
        await host.Client.Start(Rounds, new Round(1, ""), "i");
        foreach (var letter in new[] { "a", "b", "c", "d" })
            await host.Client.RaiseEvent("i", "letter", letter);
        var end = await host.Client.Wait("i");
        return $"{Tell(end)} in {end.Runs} runs";
    }

    private static async Task<string> KilledInFanOut(IScenarioHost host)
    {
        await host.Client.Start(FansOut, 20, "i");
        await Begun(host, 4);
        await host.Kill();
        host.Steps.Open();
        return Tell(await host.Client.Wait("i"));
    }

    private static async Task<string> KilledAsleep(IScenarioHost host)
    {
        await host.Client.Start(Sleeps, 3, "i");
        host.Clock.Advance(TimeSpan.FromHours(1));
        await host.Kill();
        return Tell(await host.PassTime(host.Client.Wait("i")));
    }

    private static async Task<string> KilledWithEvent(IScenarioHost host)
    {
        await host.Client.Start(Listens, 1, "i");
        await Begun(host, 1);
        await host.Client.RaiseEvent("i", "word", "hello");
        await host.Kill();
        await host.Client.RaiseEvent("i", "word", "world");
        host.Steps.Open();
        return Tell(await host.Client.Wait("i"));
    }

    private static async Task<string> KilledBetweenAttempts(IScenarioHost host)
    {
        await host.Client.Start(Retries, "k", "i");
        await host.Eventually(() => Task.FromResult(host.Steps.Attempts("k") == 1));
        await host.Kill();
        return Tell(await host.PassTime(host.Client.Wait("i")));
    }

    private static async Task<string> StartedTwice(IScenarioHost host)
    {
        var first = await host.Client.Start(Chain, 3, "i");
        await host.Client.Wait("i");
        var second = await host.Client.Start(Chain, 4, "i");
        var third = await host.Client.Start(Chain, 5, "i", restartFinished: true);
        return $"new {first.IsNew}, again {second.IsNew} {Tell(second.Instance)}, restarted {third.IsNew} {Tell(await host.Client.Wait("i"))}";
    }

    private static Task Begun(IScenarioHost host, int count) => host.Eventually(() => Task.FromResult(host.Steps.Begun >= count));

    private static Task Listening(IScenarioHost host) =>
        host.Eventually(async () => (await host.Client.Get("i"))!.CustomStatus == "\"listening\"");
}
