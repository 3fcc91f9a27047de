using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.Azure.Functions.Worker;
using Sana.Functions.Tests.Replaying;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Functions.Tests.Infra;

/// <summary>Between what is set in Azure, what the code reads, and which functions an app has, nothing is missing and nothing is left over.</summary>
public sealed partial class SettingsTests
{
    /// <summary>Settings that others than our code read.</summary>
    private static readonly string[] ReadByOthers =
    [
        "APPLICATIONINSIGHTS_AUTHENTICATION_STRING", // the host's own telemetry
        "AZURE_CLIENT_ID", // DefaultAzureCredential: which of the identities
        "AzureWebJobsStorage__credential", "AzureWebJobsStorage__clientId", // the host's storage
        "ServiceBus__credential", "ServiceBus__clientId", // the trigger and its scaler
        "AzureFunctionsJobHost__extensions__durableTask__storageProvider__type", // overrides host.json
        "AzureFunctionsJobHost__extensions__durableTask__storageProvider__connectionStringName",
    ];

    /// <summary>Connection strings, on a person's machine only; and what the platform sets itself.</summary>
    private static readonly string[] NotOurs = ["AzureWebJobsStorage", "ServiceBus", "WEBSITE_HOSTNAME"];

    private static readonly string Bicep = File.ReadAllText(Path.Combine(Repository.Root, "infra", "settings.bicep"));

    [Fact]
    public void Every_setting_that_is_read_is_set_and_every_one_that_is_set_is_read()
    {
        var set = Setting().Matches(Bicep).Select(match => match.Groups[1].Value).Distinct();
        var host = File.ReadAllText(Path.Combine(Repository.Root, "host.json"));
        var code = string.Concat(Directory.EnumerateFiles(Path.Combine(Repository.Source, "Sana.Functions"), "*.cs", SearchOption.AllDirectories).Select(File.ReadAllText));
        var read = SectionRead().Matches(code).Select(match => "Sana__" + match.Groups[1].Value)
            .Concat(PlainRead().Matches(code).Select(match => match.Groups[1].Value.Replace(":", "__", StringComparison.Ordinal)))
            .Concat(HostRead().Matches(host).Select(match => match.Groups[1].Value + match.Groups[2].Value))
            .Concat(ReadByOthers)
            .Except(NotOurs)
            .Distinct();

        Assert.Equal(read.Order(StringComparer.Ordinal), set.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Each_function_belongs_to_a_role_and_is_disabled_in_the_other()
    {
        var (orchestrator, gpu) = (List("orchestratorFunctions"), List("gpuFunctions"));
        string[] both = ["Healthz", "Readyz"];

        Assert.Equal(FunctionTable.Names.Order(), orchestrator.Concat(gpu).Concat(both).Order());
        Assert.Empty(orchestrator.Intersect(gpu));
        Assert.Contains("var disabledThere = concat(orchestratorFunctions,", Bicep, StringComparison.Ordinal);
        Assert.Contains("var disabledHere = concat(gpuFunctions,", Bicep, StringComparison.Ordinal);
    }

    [Fact]
    public void Both_triggers_listen_to_the_queue_that_is_made() => Assert.All(
        FunctionTable.Of<ServiceBusTriggerAttribute>().Select(found => found.Trigger.QueueName).Concat(FunctionTable.Of<QueueTriggerAttribute>().Select(found => found.Trigger.QueueName)),
        name => Assert.Equal("sana-jobs", name));

    [Fact]
    public void Azd_finds_its_resources_and_its_registry()
    {
        var services = File.ReadAllText(Path.Combine(Repository.Root, "azure.yaml"));
        var main = File.ReadAllText(Path.Combine(Repository.Root, "infra", "main.bicep"));

        foreach (var (service, kind) in new[] { ("orchestrator", "function"), ("gpu", "containerapp") })
        {
            Assert.Matches($@"(?s)\n  {service}:\n.*?host: {kind}\n", services);
            Assert.Contains($"'azd-service-name': '{service}'", main, StringComparison.Ordinal);
        }

        Assert.Contains("var tags = { 'azd-env-name': environmentName }", main, StringComparison.Ordinal);
        Assert.True(Template.Main.Root.GetProperty("outputs").TryGetProperty("AZURE_CONTAINER_REGISTRY_ENDPOINT", out _));
        Assert.All(Template.Main.Root.GetProperty("outputs").EnumerateObject(), output => Assert.DoesNotMatch("(?i)key|secret|password|connection", output.Name));
    }

    [Fact]
    public void Every_parameter_of_the_environment_is_one_of_the_template()
    {
        var file = JsonDocument.Parse(File.ReadAllText(Path.Combine(Repository.Root, "infra", "main.parameters.json"))).RootElement.GetProperty("parameters");
        var declared = Template.Main.Root.GetProperty("parameters").EnumerateObject().Select(parameter => parameter.Name).Except(["month"]);

        Assert.Equal(declared.Order(), file.EnumerateObject().Select(parameter => parameter.Name).Order());
    }

    internal static IReadOnlyList<string> List(string variable) =>
        [.. Quoted().Matches(Regex.Match(Bicep, $@"var {variable} = \[(.*?)\]", RegexOptions.Singleline).Groups[1].Value).Select(match => match.Groups[1].Value)];

    [GeneratedRegex(@"(?:^\s{4,}|\{ )([A-Z]\w+): ", RegexOptions.Multiline)]
    private static partial Regex Setting();

    [GeneratedRegex(@"section\[""(\w+)""\]")]
    private static partial Regex SectionRead();

    [GeneratedRegex(@"configuration\[""([\w:]+)""\]")]
    private static partial Regex PlainRead();

    [GeneratedRegex(@"%(\w+)%|""connectionStringName"": ""(\w+)""")]
    private static partial Regex HostRead();

    [GeneratedRegex("'(\\w+)'")]
    private static partial Regex Quoted();
}
