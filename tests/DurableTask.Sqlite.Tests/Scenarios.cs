using Microsoft.DurableTask.Client;

namespace DurableTask.Sqlite.Tests;

/// <summary>What happens to an instance, and the one answer that every host must give.</summary>
/// <param name="Name">A sentence.</param>
/// <param name="Play">Acts upon a host and answers what was seen.</param>
/// <param name="Expected">The answer.</param>
/// <param name="Needs">What not every host has.</param>
internal sealed record Scenario(string Name, Func<IScenarioHost, Task<string>> Play, string Expected, Needs Needs = Needs.Nothing);

[Flags]
internal enum Needs
{
    Nothing = 0,

    /// <summary>Hours that pass at once.</summary>
    Time = 1,

    /// <summary>A journal that outlives a kill.</summary>
    Kill = 2,

    /// <summary>Terminate reaches children, a start refuses an id that is taken, thousands of instances.</summary>
    More = 4,
}

/// <summary>The table. It knows no host: each takes it as it is.</summary>
internal static class Scenarios
{
    public static readonly Scenario[] All =
    [
        new("Activities run in order", host => Run(host, "Chain", 3), "Completed 12"),
        new("An activity fails and then succeeds", host => Run(host, "Retries", "a", passTime: true), "Completed 3", Needs.Time),
        new("An activity fails for good", host => Run(host, "GivesUp", "b", passTime: true), "Failed b is broken (2)"),
        new("An orchestration lives on after a failure", host => Run(host, "Recovers", "c"), "Completed \"Doomed / System.IO.InvalidDataException / c is broken (1) / 42\""),
        new("A failure that retrying cannot cure is not retried", host => Run(host, "NotWorthRetrying", "d"), "Failed d is broken (1)"),
        new("An event comes before it is awaited", EventBeforeWait, "Completed \"hello world\""),
        new("An event comes after it is awaited", EventAfterWait, "Completed \"hello world\""),
        new("An event comes before its deadline", EventInTime, "Completed \"hello\""),
        new("A deadline passes", host => Run(host, "ListensInTime", 5, passTime: true), "Completed \"nobody spoke\"", Needs.Time),
        new("A timer fires", host => Run(host, "Sleeps", 3, passTime: true), "Completed true", Needs.Time),
        new("An orchestration that hears of a cancel tidies up", Canceled, "Completed \"canceled: enough\", status 14"),
        new("A terminated orchestration hears nothing", Terminated, "Terminated enough"),
        new("Terminate reaches the children and the activities that run", TerminatedWithChild, "Terminated enough, child Terminated enough, canceled 1", Needs.More),
        new("A suspended orchestration begins nothing", Suspended, "Suspended after 1, then Completed 10"),
        new("Children end well and badly", host => Run(host, "Parent", 2, passTime: true), "Completed \"8, GivesUp: nothing is broken (2)\""),
        new("An orchestration continues as new and loses no event", ContinuedAsNew, "Completed \"2468abcd\""),
        new("Killed in the midst of a fan-out", KilledInFanOut, "Completed 380", Needs.Kill),
        new("Killed while it waits for a timer", KilledAsleep, "Completed true", Needs.Kill | Needs.Time),
        new("Killed with an event kept", KilledWithEvent, "Completed \"hello world\"", Needs.Kill),
        new("Killed between two attempts", KilledBetweenAttempts, "Completed 3", Needs.Kill | Needs.Time),
        new("Ten thousand children in windows", host => Run(host, "ManyChildren", 10_000), "Completed 199980000", Needs.More),
        new("An id is started twice", StartedTwice, "12, refused while it runs True, replaced 20", Needs.More),
        new("Ids are unique", host => Run(host, "Unique", 50), "Completed true"),
    ];

    private static async Task<string> Run(IScenarioHost host, string orchestration, object input, bool passTime = false)
    {
        await host.Start(orchestration, input);
        return Tell(passTime ? await host.PassTime(host.Wait()) : await host.Wait());
    }

    private static string Tell(OrchestrationMetadata instance) =>
        $"{instance.RuntimeStatus} {(instance.RuntimeStatus == OrchestrationRuntimeStatus.Failed ? Innermost(instance) : instance.SerializedOutput?.Trim(instance.RuntimeStatus == OrchestrationRuntimeStatus.Terminated ? '"' : '\0'))}";

    private static string? Innermost(OrchestrationMetadata instance)
    {
        var failure = instance.FailureDetails;
        while (failure?.InnerFailure is { } inner)
            failure = inner;
        return failure?.ErrorMessage;
    }

    private static async Task<string> EventBeforeWait(IScenarioHost host)
    {
        await host.Start("Listens", 1);
        await host.Client.RaiseEventAsync("i", "word", "hello");
        await host.Client.RaiseEventAsync("i", "word", "world");
        host.Activities.Open();
        return Tell(await host.Wait());
    }

    private static async Task<string> EventAfterWait(IScenarioHost host)
    {
        host.Activities.Open();
        await host.Start("Listens", 1);
        await Listening(host);
        await host.Client.RaiseEventAsync("i", "word", "hello");
        await host.Client.RaiseEventAsync("i", "word", "world");
        return Tell(await host.Wait());
    }

    private static async Task<string> EventInTime(IScenarioHost host)
    {
        await host.Start("ListensInTime", 60);
        await Listening(host);
        await host.Client.RaiseEventAsync("i", "word", "hello");
        return Tell(await host.Wait());
    }

    private static async Task<string> Canceled(IScenarioHost host)
    {
        await host.Start("TidiesUp", 7);
        await host.Begun(1);
        await host.Client.RaiseEventAsync("i", "cancel", "enough");
        await host.Eventually(async () => (await host.Get()).SerializedCustomStatus == "14");
        host.Activities.Open();
        var end = await host.Wait();
        return $"{Tell(end)}, status {end.SerializedCustomStatus}";
    }

    private static async Task<string> Terminated(IScenarioHost host)
    {
        await host.Start("TidiesUp", 7);
        await host.Begun(1);
        await host.Client.TerminateInstanceAsync("i", "enough");
        return Tell(await host.Wait());
    }

    private static async Task<string> TerminatedWithChild(IScenarioHost host)
    {
        await host.Start("Waits", 7);
        await host.Begun(1);
        await host.Client.TerminateInstanceAsync("i", new TerminateInstanceOptions("enough", Recursive: true));
        var (end, child) = (await host.Wait(), await host.Wait("i.child"));
        await host.Eventually(() => Task.FromResult(host.Activities.Canceled == 1));
        return $"{Tell(end)}, child {Tell(child)}, canceled {host.Activities.Canceled}";
    }

    private static async Task<string> Suspended(IScenarioHost host)
    {
        await host.Start("TwoGates", 5);
        await host.Begun(1);
        await host.Client.SuspendInstanceAsync("i");
        await host.Eventually(async () => (await host.Get()).RuntimeStatus == OrchestrationRuntimeStatus.Suspended);
        var updated = (await host.Get()).LastUpdatedAt;
        host.Activities.Open();
        host.Clock.Advance(TimeSpan.FromSeconds(1));
        // It has heard of the end of its first activity when something was recorded.
        await Task.WhenAny(host.Eventually(async () => (await host.Get()).LastUpdatedAt > updated), Task.Delay(500));
        var seen = $"{(await host.Get()).RuntimeStatus} after {host.Activities.Begun}";
        await host.Client.ResumeInstanceAsync("i");
        return $"{seen}, then {Tell(await host.Wait())}";
    }

    private static async Task<string> ContinuedAsNew(IScenarioHost host)
    {
        await host.Start("Rounds", new ScenarioOrchestrations.Round(1, ""));
        foreach (var letter in new[] { "a", "b", "c", "d" })
            await host.Client.RaiseEventAsync("i", "letter", letter);
        return Tell(await host.Wait());
    }

    private static async Task<string> KilledInFanOut(IScenarioHost host)
    {
        await host.Start("FansOut", 20);
        await host.Begun(4);
        await host.Kill();
        host.Activities.Open();
        return Tell(await host.Wait());
    }

    private static async Task<string> KilledAsleep(IScenarioHost host)
    {
        await host.Start("Sleeps", 3);
        host.Clock.Advance(TimeSpan.FromHours(1));
        await host.Kill();
        return Tell(await host.PassTime(host.Wait()));
    }

    private static async Task<string> KilledWithEvent(IScenarioHost host)
    {
        await host.Start("Listens", 1);
        await host.Begun(1);
        await host.Client.RaiseEventAsync("i", "word", "hello");
        await host.Kill();
        await host.Client.RaiseEventAsync("i", "word", "world");
        host.Activities.Open();
        return Tell(await host.Wait());
    }

    private static async Task<string> KilledBetweenAttempts(IScenarioHost host)
    {
        await host.Start("Retries", "k");
        await host.Eventually(() => Task.FromResult(host.Activities.Attempts("k") == 1));
        await host.Kill();
        return Tell(await host.PassTime(host.Wait()));
    }

    private static async Task<string> StartedTwice(IScenarioHost host)
    {
        await host.Start("TwoGates", 6);
        var refused = await host.Start("TwoGates", 7).ContinueWith(start => start.IsFaulted, TaskScheduler.Default);
        host.Activities.Open();
        var first = await host.Wait();
        await host.Start("Chain", 5);
        return $"{first.SerializedOutput}, refused while it runs {refused}, replaced {(await host.Wait()).SerializedOutput}";
    }

    private static Task Listening(IScenarioHost host) => host.Eventually(async () => (await host.Get()).SerializedCustomStatus == "\"listening\"");
}
