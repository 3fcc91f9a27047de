using Sana.Functions.Tests.Replaying;
using Sana.Tests.Engine;
using Xunit;

namespace Sana.Functions.Tests;

/// <summary>The same scenarios as on the embedded engine, the same expected answers.</summary>
public sealed class ScenarioTests
{
    public static TheoryData<string> Names => [.. Scenarios.All.Select(scenario => scenario.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task The_adapter_answers(string scenario)
    {
        await using var host = new ReplayingHost();
        var chosen = Scenarios.All.Single(each => each.Name == scenario);

        var answer = await chosen.Play(host).WaitAsync(TimeSpan.FromMinutes(3), TestContext.Current.CancellationToken);

        Assert.Equal(chosen.Expected, answer);
    }
}
