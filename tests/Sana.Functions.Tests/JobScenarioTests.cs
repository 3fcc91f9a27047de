using Sana.Functions.Durable;
using Sana.Functions.Tests.Replaying;
using Sana.Tests.Workflows;
using Sana.Workflows.Contract;
using Xunit;

namespace Sana.Functions.Tests;

/// <summary>Both workflows by the adapter's own orchestration functions: one expected answer on every engine.</summary>
public sealed class JobScenarioTests
{
    public static TheoryData<string> Names => [.. JobScenarios.All.Select(scenario => scenario.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task The_adapter_answers(string scenario)
    {
        await using var host = new Replayed();
        var chosen = JobScenarios.All.Single(each => each.Name == scenario);

        var answer = await chosen.Play(host).WaitAsync(TimeSpan.FromMinutes(3), TestContext.Current.CancellationToken);

        Assert.Equal(chosen.Expected, answer);
    }

    private sealed class Replayed : JobHost
    {
        public Replayed()
        {
            var registry = Registry();
            Client = new DurableWorkflowClient(new ReplayingEngine(
                FunctionTable.Orchestrate, async (call, _) => Json.Parse(await registry.FindStep(call.Step)!(Json.Text(call.Input), CancellationToken.None)), Clock));
        }

        public override IWorkflowClient Client { get; }
    }
}
