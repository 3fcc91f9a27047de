using System.Text.Json.Nodes;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Sana.Tests.Support;

namespace Sana.Functions.Tests.Infra;

/// <summary>Somebody who reads settings, and the rule by which a variable of the environment is one of them.</summary>
internal sealed record SettingReader(string Who, Func<string, bool> Reads);

/// <summary>Everybody who reads settings of an app, each by its own rule. A setting that nobody here reads is a mistake of the template.</summary>
internal static class SettingReaders
{
    private static readonly string[] _storage = ["", ":accountName", ":blobServiceUri", ":queueServiceUri", ":tableServiceUri", ":credential", ":clientId"];
    private static readonly string[] _bus = ["", ":fullyQualifiedNamespace", ":credential", ":clientId"];

    /// <value><c>host.json</c>, as it is in the package of both apps.</value>
    public static JsonObject HostFile { get; } = JsonNode.Parse(File.ReadAllText(Path.Combine(Repository.Root, "host.json")))!.AsObject();

    public static IReadOnlyList<SettingReader> Of(DeployedApp app)
    {
        var asked = Asked(app);
        return
        [
            new("our code, at start", variable => asked.Contains(DeployedApp.KeyOf(variable))),
            new("the host, for its storage", Section("AzureWebJobsStorage", _storage)),
            new("the host, for its telemetry", variable => variable is "APPLICATIONINSIGHTS_CONNECTION_STRING" or "APPLICATIONINSIGHTS_AUTHENTICATION_STRING"),
            new("the host, for its keys", variable => variable == "AzureWebJobsSecretStorageType"),
            new("the host, in place of a value of host.json", Overrides),
            new("the host, for %names% and connections in host.json", variable => Inserted(app).Contains(variable)),
            new("the host, for functions that are disabled", variable => DeclaredFunctions.All.Any(function => DeployedApp.HostNames(function.Name).Contains(variable))),
            // A function that is disabled is found and bound all the same; only its listener is not started.
            new("the host, for %names% in triggers", variable => DeclaredFunctions.All.SelectMany(function => function.Inserted).Contains(variable)),
            .. DeclaredFunctions.All.Where(function => function.Connection is not null && app.Runs(function))
                .Select(function => new SettingReader($"the trigger of {function.Name}", Section(function.Connection!, function.Trigger == "ServiceBus" ? _bus : _storage))),
            new("DefaultAzureCredential, for which identity it is", variable => variable == "AZURE_CLIENT_ID"),
            new("the container's web server, for its port", variable => variable == "ASPNETCORE_URLS" && app.Role == "gpu"),
            new("captioners, for api_key_env", variable => app.Role == "orchestrator" && app.Deployment.CaptionerKeys.Contains(variable)),
        ];
    }

    /// <summary>Keys of configuration that the worker's own start asks for, found by starting it: its services are registered over a configuration that writes down every question.</summary>
    public static IReadOnlySet<string> Asked(DeployedApp app)
    {
        var questions = new Questions(app.Values);
        new ServiceCollection().AddSana(new ConfigurationRoot([questions]));
        return questions.Asked;
    }

    /// <summary>Settings that <c>host.json</c> names, with what the app overrides in it.</summary>
    public static IEnumerable<string> Inserted(DeployedApp app)
    {
        var durable = HostFile["extensions"]!["durableTask"]!;
        const string connection = "AzureFunctionsJobHost__extensions__durableTask__storageProvider__connectionStringName";
        yield return durable["hubName"]!.GetValue<string>().Trim('%');
        yield return app.Variables.GetValueOrDefault(connection) ?? durable["storageProvider"]!["connectionStringName"]!.GetValue<string>();
    }

    private static Func<string, bool> Section(string name, string[] parts) =>
        variable => parts.Any(part => string.Equals(DeployedApp.KeyOf(variable), name + part, StringComparison.OrdinalIgnoreCase));

    // The host reads AzureFunctionsJobHost:… over host.json. A path that host.json does not have would be a word of our own.
    private static bool Overrides(string variable)
    {
        if (DeployedApp.KeyOf(variable).Split(':') is not ["AzureFunctionsJobHost", .. var path])
            return false;
        JsonNode? found = HostFile;
        foreach (var name in path)
            found = (found as JsonObject)?.FirstOrDefault(pair => string.Equals(pair.Key, name, StringComparison.OrdinalIgnoreCase)).Value;
        return found is JsonValue;
    }

    private sealed class Questions : ConfigurationProvider
    {
        private readonly HashSet<string> _asked = new(StringComparer.OrdinalIgnoreCase);

        public Questions(IEnumerable<KeyValuePair<string, string?>> values) => Data = new Dictionary<string, string?>(values, StringComparer.OrdinalIgnoreCase);

        public IReadOnlySet<string> Asked => _asked;

        public override bool TryGet(string key, out string? value)
        {
            _asked.Add(key);
            return base.TryGet(key, out value);
        }
    }
}
