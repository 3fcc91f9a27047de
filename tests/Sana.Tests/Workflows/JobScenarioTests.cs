using Xunit;

namespace Sana.Tests.Workflows;

/// <summary>Both jobs on every engine: one expected answer.</summary>
public class JobScenarioTests
{
    public static TheoryData<string> Names => [.. JobScenarios.All.Select(scenario => scenario.Name)];

    public static TheoryData<string> NamesInMemory => [.. JobScenarios.All.Where(scenario => !scenario.PassesTime).Select(scenario => scenario.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task The_local_engine_answers(string scenario) => await Play(await JobHost.Sqlite.Start(), scenario);

    [Theory]
    [MemberData(nameof(NamesInMemory))]
    public async Task Microsofts_service_in_memory_answers(string scenario) => await Play(await JobHost.InMemory.Start(), scenario);

    private static async Task Play(JobHost host, string name)
    {
        await using var disposed = host;
        var scenario = JobScenarios.All.Single(scenario => scenario.Name == name);

        var answer = await scenario.Play(host).WaitAsync(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken);

        Assert.Equal(scenario.Expected, answer);
    }
}
