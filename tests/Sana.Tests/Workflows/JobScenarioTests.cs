using Sana.Tests.Engine;
using Xunit;

namespace Sana.Tests.Workflows;

/// <summary>Both workflows on every engine: one expected answer.</summary>
public class JobScenarioTests
{
    public static TheoryData<string> Names => [.. JobScenarios.All.Select(scenario => scenario.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public Task Plain_workflows_answer(string scenario) => Play(new JobHost.Plain(), scenario);

    [Theory]
    [MemberData(nameof(Names))]
    public Task The_embedded_engine_answers(string scenario) => Play(new JobHost.Sqlite(), scenario);

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Any_prefix_of_a_history_replays_to_the_same_wishes(string scenario)
    {
        await using var host = new JobHost.Sqlite();
        await JobScenarios.All.Single(each => each.Name == scenario).Play(host);
        await host.Close();

        Determinism.Check(host.Journal, host.Registry());
    }

    private static async Task Play(JobHost host, string name)
    {
        await using var disposed = host;
        var scenario = JobScenarios.All.Single(scenario => scenario.Name == name);

        var answer = await scenario.Play(host).WaitAsync(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken);

        Assert.Equal(scenario.Expected, answer);
    }
}
