using Microsoft.Azure.Functions.Worker;
using Sana.Functions.Durable;
using Sana.Functions.Queue;
using Sana.Functions.Tests.Roles;
using Xunit;

namespace Sana.Functions.Tests;

/// <summary>Names on both sides of the adapter.</summary>
[Collection(OneAzurite.Turns)]
public sealed class NamesTests(OneAzurite azurite)
{
    [Fact]
    public async Task Every_workflow_of_the_project_has_its_function_and_no_function_is_left_over()
    {
        using var app = new App(azurite.Connection, await azurite.Fresh(), "orchestrator");

        var workflows = (await app.Wiring.Get(default)).Registry.Workflows;

        Assert.Equal(workflows.Select(TaskNames.Of).Order(), FunctionTable.Of<OrchestrationTriggerAttribute>().Select(found => found.Name).Order());
        Assert.All(workflows, name => Assert.Equal(name, TaskNames.Workflow(TaskNames.Of(name))));
    }

    [Theory]
    [InlineData("generate-a1", "generate-a1")]
    [InlineData("i/child", "i~002fchild")]
    [InlineData("@x#y?z\\~", "~0040x~0023y~003fz~005c~007e")]
    public void An_id_is_written_as_Durable_takes_it_and_read_back(string id, string encoded)
    {
        Assert.Equal(encoded, InstanceIds.Encode(id));
        Assert.Equal(id, InstanceIds.Decode(encoded));
    }

    [Fact]
    public void A_long_id_is_cut_and_stays_itself()
    {
        var (one, other) = (InstanceIds.Encode("job-" + new string('a', 128)), InstanceIds.Encode("job-" + new string('a', 127) + 'b'));

        Assert.Equal(100, one.Length);
        Assert.NotEqual(one, other);
        Assert.Equal(one, InstanceIds.Encode(one));
    }

    [Fact]
    public void The_api_has_the_paths_of_the_local_server()
    {
        var routes = File.ReadAllText(Path.Combine(Sana.Tests.Support.Repository.Source, "Sana.Local", "Serve", "ApiRoutes.cs"));
        var served = System.Text.RegularExpressions.Regex.Matches(routes, @"app\.Map(\w+)\(""/([^""]+)""")
            .Select(match => $"{match.Groups[1].Value.ToLowerInvariant()} {match.Groups[2].Value.Replace("{**", "{*", StringComparison.Ordinal)}");
        var functions = FunctionTable.Of<HttpTriggerAttribute>().Select(found => $"{found.Trigger.Methods![0]} {found.Trigger.Route}").Except(["get healthz", "get readyz"]);

        Assert.Equal(served.Order(), functions.Order());
    }

    [Fact]
    public void Only_health_and_signed_links_are_open() => Assert.Equal(
        ["GetBlob", "Healthz", "Readyz"], FunctionTable.Of<HttpTriggerAttribute>().Where(found => found.Trigger.AuthLevel == AuthorizationLevel.Anonymous).Select(found => found.Name).Order());

    [Fact]
    public void The_length_of_the_queue_is_read_from_what_the_resource_manager_says()
    {
        var counts = QueueDepth.Read("""{"properties":{"countDetails":{"activeMessageCount":3,"deadLetterMessageCount":1,"scheduledMessageCount":2}}}""");

        Assert.Equal((5, 1), (counts.Waiting, counts.Dead));
    }
}
