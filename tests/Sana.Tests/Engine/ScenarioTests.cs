using Xunit;

namespace Sana.Tests.Engine;

/// <summary>Every scenario on every engine: one expected answer.</summary>
public class ScenarioTests
{
    public static TheoryData<string> Names => [.. Scenarios.All.Select(scenario => scenario.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public Task Plain_workflows_answer(string scenario) => Play(new PlainHost(), scenario);

    [Theory]
    [MemberData(nameof(Names))]
    public Task The_embedded_engine_answers(string scenario) => Play(new SqliteHost(), scenario);

    private static async Task Play(IScenarioHost host, string name)
    {
        await using var disposed = host;
        var scenario = Scenarios.All.Single(scenario => scenario.Name == name);

        var answer = await scenario.Play(host).WaitAsync(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken);

        Assert.Equal(scenario.Expected, answer);
    }
}
