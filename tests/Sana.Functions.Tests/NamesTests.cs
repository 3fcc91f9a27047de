using System.Text.RegularExpressions;
using Sana.Functions.Tests.Infra;
using Sana.Functions.Tests.Roles;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Functions.Tests;

/// <summary>Names on both sides of the adapter.</summary>
[Collection(OneAzurite.Turns)]
public sealed class NamesTests(OneAzurite azurite)
{
    [Fact]
    public async Task Every_orchestration_and_activity_has_its_function_and_no_function_is_left_over()
    {
        using var app = new App(azurite.Connection, await azurite.Fresh(), "orchestrator");

        var tasks = (await app.Jobs.Get(default)).Tasks;

        Assert.Equal(tasks.Orchestrators.Order(), Of("Orchestration").Select(function => function.Name).Order());
        Assert.Equal(tasks.Activities.Order(), Of("Activity").Select(function => function.Name).Order());
    }

    [Fact]
    public void The_api_has_the_paths_of_the_local_server()
    {
        var routes = File.ReadAllText(Path.Combine(Repository.Source, "Sana.Local", "Serve", "ApiRoutes.cs"));
        var served = Regex.Matches(routes, @"app\.Map(\w+)\(""/([^""]+)""")
            .Select(match => $"{match.Groups[1].Value.ToLowerInvariant()} {match.Groups[2].Value.Replace("{**", "{*", StringComparison.Ordinal)}");
        var functions = Of("Http").Select(function => $"{function.Arguments[1]} {function.Route}").Except(["get healthz", "get readyz"]);

        Assert.Equal(served.Order(), functions.Order());
    }

    [Fact]
    public void Only_health_and_signed_links_are_open() => Assert.Equal(
        ["GetBlob", "Healthz", "Readyz"], Of("Http").Where(function => function.Arguments[0] == "AuthorizationLevel.Anonymous").Select(function => function.Name).Order());

    [Fact]
    public void The_length_of_the_queue_is_read_from_what_the_resource_manager_says()
    {
        var counts = QueueDepth.Read("""{"properties":{"countDetails":{"activeMessageCount":3,"deadLetterMessageCount":1,"scheduledMessageCount":2}}}""");

        Assert.Equal((5, 1), (counts.Waiting, counts.Dead));
    }

    private static IEnumerable<DeclaredFunction> Of(string trigger) => DeclaredFunctions.All.Where(function => function.Trigger == trigger);
}
