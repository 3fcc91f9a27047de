using System.Text.Json;
using Microsoft.Extensions.Configuration;

namespace Sana.Functions.Tests.Infra;

/// <summary>What a deployment is asked for, of the parameters that change settings.</summary>
internal sealed record Deployment(string Durable, string Queue, string Dataset, params string[] CaptionerKeys)
{
    /// <value>Each parameter with each of its values.</value>
    public static Deployment[] All { get; } =
    [
        new("scheduler", "servicebus", ""),
        new("storage", "storage", "cats", "OPENAI_API_KEY", "OTHER_KEY"),
    ];
}

/// <summary>One app of a deployment with the environment that its process gets.</summary>
internal sealed record DeployedApp(Deployment Deployment, string Role, IReadOnlyDictionary<string, string> Variables)
{
    private static readonly Lazy<IReadOnlyList<DeployedApp>> _all = new(() => [.. Deployment.All.AsParallel().AsOrdered().SelectMany(Apps)]);

    public static IReadOnlyList<DeployedApp> All => _all.Value;

    public static DeployedApp Of(string durable, string queue, string role) => All.Single(app => (app.Deployment.Durable, app.Deployment.Queue, app.Role) == (durable, queue, role));

    /// <value>The environment as .NET configuration shows it: two underscores are a colon.</value>
    public IConfigurationRoot Configuration => new ConfigurationBuilder().AddInMemoryCollection(Values).Build();

    /// <value>The pairs of <see cref="Configuration"/>.</value>
    public IEnumerable<KeyValuePair<string, string?>> Values => Variables.Select(pair => KeyValuePair.Create(KeyOf(pair.Key), (string?)pair.Value));

    public static string KeyOf(string variable) => variable.Replace("__", ":", StringComparison.Ordinal);

    /// <summary>Whether the host of this app runs the function.</summary>
    public bool Runs(DeclaredFunction function) => !HostNames(function.Name).Any(name => Variables.TryGetValue(name, out var value) && value is "true" or "1");

    /// <value>Functions that this app is to run: those of its role, without the other queue's, and without the schedule where no dataset is named.</value>
    public IEnumerable<string> Expected => DeclaredFunctions.All
        .Where(function => function.Roles.Contains(Role) && function.Trigger != (Deployment.Queue == "servicebus" ? "Queue" : "ServiceBus") && (function.Name != "CurateOnSchedule" || Deployment.Dataset.Length > 0))
        .Select(function => function.Name);

    /// <summary>The two names under which the host asks whether a function is disabled; the second for Linux, where a variable's name has no dots.</summary>
    public static IEnumerable<string> HostNames(string function) => [$"AzureWebJobs.{function}.Disabled", $"AzureWebJobs_{function}_Disabled"];

    private static IEnumerable<DeployedApp> Apps(Deployment deployment)
    {
        var settings = BicepProgram.Evaluate("settings.bicep", new Dictionary<string, object>
        {
            ["orchestratorClientId"] = "11111111-1111-1111-1111-111111111111",
            ["gpuClientId"] = "22222222-2222-2222-2222-222222222222",
            ["hostStorage"] = "sthost",
            ["blobEndpoint"] = "https://stdata.blob.core.windows.net/",
            ["bus"] = "sb-sana",
            ["schedulerEndpoint"] = deployment.Durable == "scheduler" ? "https://dts-sana.swedencentral.durabletask.io" : "",
            ["insightsConnection"] = "InstrumentationKey=33333333-3333-3333-3333-333333333333",
            ["checkpoint"] = "sana-1.6b",
            ["decoder"] = "/weights/sana-1.6b/dc-ae-lite",
            ["durable"] = deployment.Durable,
            ["queue"] = deployment.Queue,
            ["curationDataset"] = deployment.Dataset,
            ["curationCron"] = "0 0 2 * * *",
            ["captionerKeys"] = deployment.CaptionerKeys,
            ["vault"] = deployment.CaptionerKeys.Length > 0 ? "kv-sana" : "",
        }).GetProperty("outputs");
        var site = BicepProgram.Evaluate("orchestrator.bicep", new Dictionary<string, object>
        {
            ["location"] = "swedencentral",
            ["token"] = "abcdefghijklm",
            ["tags"] = new { },
            ["identity"] = "/id",
            ["deployments"] = "https://x",
            ["subnet"] = "",
            ["settings"] = settings.GetProperty("orchestrator"),
        });
        var container = BicepProgram.Evaluate("gpu.bicep", new Dictionary<string, object>
        {
            ["location"] = "swedencentral",
            ["token"] = "abcdefghijklm",
            ["tags"] = new { },
            ["appTags"] = new { },
            ["identity"] = "/id",
            ["registry"] = "cr",
            ["workspace"] = "log",
            ["image"] = "cr/gpu:1",
            ["gpu"] = "T4",
            ["replicasMin"] = 0,
            ["replicasMax"] = 1,
            ["subnet"] = "",
            ["settings"] = settings.GetProperty("gpu"),
        });
        var variables = Of(site, "Microsoft.Web/sites/config").GetProperty("properties").EnumerateObject();
        var environment = Of(container, "Microsoft.App/containerApps").GetProperty("properties").GetProperty("template").GetProperty("containers")[0].GetProperty("env").EnumerateArray();
        yield return new DeployedApp(deployment, "orchestrator", variables.ToDictionary(pair => pair.Name, pair => pair.Value.GetString()!));
        yield return new DeployedApp(deployment, "gpu", environment.ToDictionary(pair => pair.GetProperty("name").GetString()!, pair => pair.GetProperty("value").GetString()!));
    }

    private static JsonElement Of(JsonElement module, string type) => module.GetProperty("predictedResources").EnumerateArray().Single(resource => resource.GetProperty("type").GetString() == type);
}
