using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Configuration;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Functions.Tests.Infra;

/// <summary>Between what is set in Azure, who reads it, and which functions an app runs, nothing is missing and nothing is left over.</summary>
public sealed partial class SettingsTests
{
    /// <summary>What our code asks for and the template does not set, with the reason.</summary>
    private static readonly string[] SetByNobody =
    [
        "AzureWebJobsStorage", // a connection string: on a person's machine only
        "Sana:Controls", // only where there are control networks
        "Sana:Judges", // only where images are judged
        "Sana:Loras", // only where there are adapters
        "Sana:MaxUpload", // only for larger or smaller pictures than 64 MiB
        "Sana:OutsideLimits", // only where images are judged
        "Sana:Precision", // only for another one than the device's own
        "Sana:PublicUrl", // only behind a front of the owner's
        "Sana:RetentionDays", // only for another time than 30 days
        "ServiceBus", // a connection string: on a person's machine only
        "WEBSITE_HOSTNAME", // the platform's own
    ];

    private static readonly string Bicep = File.ReadAllText(Path.Combine(Repository.Root, "infra", "settings.bicep"));

    public static TheoryData<string, string, string> Apps => [.. Deployment.All.SelectMany(asked => new[] { (asked.Durable, asked.Queue, "orchestrator"), (asked.Durable, asked.Queue, "gpu") })];

    [Theory]
    [MemberData(nameof(Apps))]
    public void Every_setting_has_a_reader(string durable, string queue, string role)
    {
        var app = DeployedApp.Of(durable, queue, role);
        var readers = SettingReaders.Of(app);

        Assert.All(app.Variables.Keys, variable => Assert.Contains(readers, reader => reader.Reads(variable)));
    }

    [Theory]
    [MemberData(nameof(Apps))]
    public void Every_reader_finds_what_it_needs(string durable, string queue, string role)
    {
        var app = DeployedApp.Of(durable, queue, role);
        var (settings, configuration) = (FunctionsSettings.Read(app.Configuration), app.Configuration);

        Assert.Equal((app.Role, app.Deployment.Queue), (settings.Role, settings.Queue));
        Assert.All(SettingReaders.Inserted(app), name => Assert.True(configuration.GetSection(name).Exists(), name));
        Assert.All(DeclaredFunctions.All.SelectMany(function => function.Inserted), name => Assert.False(string.IsNullOrEmpty(configuration[name]), name));
        Assert.All(DeclaredFunctions.All.Where(app.Runs).Select(function => function.Connection).OfType<string>(), name => Assert.Equal("managedidentity", configuration[$"{name}:credential"]));
        Assert.Equal(settings.Role == "gpu", configuration["ASPNETCORE_URLS"] is not null);
    }

    [Fact]
    public void Everything_that_our_code_asks_for_is_set_in_some_deployment()
    {
        var asked = DeployedApp.All.SelectMany(SettingReaders.Asked).ToHashSet(StringComparer.OrdinalIgnoreCase);
        var set = DeployedApp.All.SelectMany(app => app.Variables.Keys).Select(DeployedApp.KeyOf);

        Assert.Equal(SetByNobody, asked.Except(set, StringComparer.OrdinalIgnoreCase).Order(StringComparer.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Apps))]
    public void An_app_runs_the_functions_of_its_role_and_no_others(string durable, string queue, string role)
    {
        var app = DeployedApp.Of(durable, queue, role);

        Assert.Equal(app.Expected.Order(), DeclaredFunctions.All.Where(app.Runs).Select(function => function.Name).Order());
    }

    [Fact]
    public void Every_function_of_the_source_is_read_and_has_a_name_of_its_own()
    {
        Assert.Equal(DeclaredFunctions.Count, DeclaredFunctions.All.Count);
        Assert.Distinct(DeclaredFunctions.All.Select(function => function.Name));
        Assert.All(DeclaredFunctions.All, function => Assert.Matches(@"^\w+$", function.Name));
    }

    [Theory]
    [InlineData("AzureWebJobs.PostBatch.Disabled", true)]
    [InlineData("AzureWebJobs_PostBatch_Disabled", true)]
    [InlineData("AzureWebJobs__PostBatch__Disabled", false)]
    [InlineData("AzureWebJobs_PostBatches_Disabled", false)]
    [InlineData("Sana__Role", true)]
    [InlineData("Sana_Role", false)]
    [InlineData("ServiceBus__fullyQualifiedNamespace", true)]
    [InlineData("ServiceBus__namespace", false)]
    [InlineData("AzureFunctionsJobHost__extensions__durableTask__storageProvider__type", true)]
    [InlineData("AzureFunctionsJobHost__extensions__durableTask__storage__type", false)]
    public void A_misspelt_setting_has_no_reader(string variable, bool isRead) =>
        Assert.Equal(isRead, SettingReaders.Of(DeployedApp.All.First(app => app.Role == "gpu")).Any(reader => reader.Reads(variable)));

    [Fact]
    public void A_function_that_is_disabled_by_a_name_nobody_reads_still_runs()
    {
        var (function, gpu) = (DeclaredFunctions.All.First(function => !function.Roles.Contains("gpu")), DeployedApp.All.First(app => app.Role == "gpu"));
        var misspelt = gpu with { Variables = gpu.Variables.ToDictionary(pair => pair.Key.StartsWith("AzureWebJobs_", StringComparison.Ordinal) ? pair.Key.Replace("_", "__", StringComparison.Ordinal) : pair.Key, pair => pair.Value) };

        Assert.False(gpu.Runs(function));
        Assert.True(misspelt.Runs(function));
    }

    [Fact]
    public void Both_triggers_listen_to_the_queue_that_is_made() =>
        Assert.All(DeclaredFunctions.All.Where(function => function.Trigger is "Queue" or "ServiceBus"), function => Assert.Equal("sana-jobs", function.Arguments[0]));

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

    [GeneratedRegex("'(\\w+)'")]
    private static partial Regex Quoted();
}
