using System.Text.RegularExpressions;
using Xunit;

namespace Sana.Functions.Tests.Infra;

/// <summary>Every right that anybody gets, written out. A line more or less is a decision.</summary>
public sealed partial class AccessTests
{
    private static readonly string[] Expected =
    [
        "blobOwner on storageAccounts(hostStorage) for apps",
        "queueContributor on storageAccounts(hostStorage) for apps if (durable=storage or queue=storage)",
        "tableContributor on storageAccounts(hostStorage) for apps if (durable=storage)",
        "blobContributor on storageAccounts/blobServices/containers(dataStorage/default/sana) for apps",
        "blobReader on storageAccounts/blobServices/containers(dataStorage/default/inbox) for orchestratorId",
        "blobReader on storageAccounts/blobServices/containers(dataStorage/default/weights) for apps",
        "busSender on namespaces/queues(bus/sana-jobs) for orchestratorId if (queue=servicebus)",
        "busOwner on namespaces/queues(bus/sana-jobs) for gpuId if (queue=servicebus)",
        "durable on schedulers/taskHubs(scheduler/sana) for apps if (durable=scheduler)",
        "metrics on components(insights) for apps",
        "pull on registries(registry) for gpuId",
        "secretReader on vaults(vault) for orchestratorId if (vault given)",
        "secretOfficer on vaults(vault) for operatorId if (vault and operatorId given)",
        "blobContributor on storageAccounts(dataStorage) for operatorId if (operatorId given)",
    ];

    [Fact]
    public void Each_identity_has_the_rights_it_needs_and_no_more() =>
        Assert.Equal(Expected.Order(StringComparer.Ordinal), Template.Main.All("Microsoft.Authorization/roleAssignments").Select(Tell).Order(StringComparer.Ordinal));

    [Fact]
    public void The_roles_are_the_ones_their_names_say()
    {
        var roles = Template.Main.All("Microsoft.Authorization/roleAssignments").First().Template.GetProperty("variables").GetProperty("roles");

        Assert.Equal("b7e6dc6d-f1e8-4753-8033-0f276bb0955b", roles.GetProperty("blobOwner").GetString());
        Assert.Equal("ba92f5b4-2d11-453d-a403-e96b0029c9fe", roles.GetProperty("blobContributor").GetString());
        Assert.Equal("974c5e8b-45b9-4653-ba55-5f855dd0fb88", roles.GetProperty("queueContributor").GetString());
        Assert.Equal("0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3", roles.GetProperty("tableContributor").GetString());
        Assert.Equal("69a216fc-b8fb-44d8-bc22-1f3c2cd27a39", roles.GetProperty("busSender").GetString());
        Assert.Equal("090c5cfd-751d-490a-894a-3ce6f1109419", roles.GetProperty("busOwner").GetString());
        Assert.Equal("0ad04412-c4d5-4796-b79c-f76d14c8d402", roles.GetProperty("durable").GetString());
        Assert.Equal("3913510d-42f4-4e42-8a64-420c390055eb", roles.GetProperty("metrics").GetString());
        Assert.Equal("7f951dda-4ed3-4680-a7ca-43fe172d538d", roles.GetProperty("pull").GetString());
        Assert.Equal("4633458b-17de-408a-b874-0445c86b69e6", roles.GetProperty("secretReader").GetString());
        Assert.Equal("b86a8fe4-44ce-4948-aee5-eccb2c155cd7", roles.GetProperty("secretOfficer").GetString());
    }

    private static string Tell(Resource assignment)
    {
        var role = RoleName().Match(assignment.String("properties.roleDefinitionId")).Groups[1].Value;
        var scope = Scope().Match(assignment.String("scope"));
        var names = scope.Groups[2].Value.Replace("parameters('", "", StringComparison.Ordinal).Replace("')", "", StringComparison.Ordinal).Replace("'", "", StringComparison.Ordinal).Replace(", ", "/", StringComparison.Ordinal);
        var whom = assignment.Has("copy") ? "apps" : Parameter().Match(assignment.String("properties.principalId")).Groups[1].Value;
        var condition = assignment.Has("condition") ? $" if ({Condition(assignment.String("condition"))})" : "";
        return $"{role} on {scope.Groups[1].Value}({names}) for {whom}{condition}";
    }

    private static string Condition(string text) => text.Contains("not(empty(", StringComparison.Ordinal)
        ? $"{string.Join(" and ", Parameter().Matches(text).Select(match => match.Groups[1].Value))} given"
        : string.Join(" or ", Equality().Matches(text).Select(match => $"{match.Groups[1].Value}={match.Groups[2].Value}"));

    [GeneratedRegex(@"variables\('roles'\)\.(\w+)")]
    private static partial Regex RoleName();

    [GeneratedRegex(@"^\[resourceId\('Microsoft\.\w+/([\w/]+)', (.*)\)\]$")]
    private static partial Regex Scope();

    [GeneratedRegex(@"parameters\('(\w+)'\)")]
    private static partial Regex Parameter();

    [GeneratedRegex(@"equals\(parameters\('(\w+)'\), '(\w+)'\)")]
    private static partial Regex Equality();
}
