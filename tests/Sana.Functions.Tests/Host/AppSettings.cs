using Microsoft.Extensions.Configuration;

namespace Sana.Functions.Tests.Host;

/// <summary>App settings as the host reads them: from the environment, where two underscores stand for a colon.</summary>
internal sealed class AppSettings(IEnumerable<KeyValuePair<string, string>> settings)
{
    private readonly IConfiguration _configuration = new ConfigurationBuilder()
        .AddInMemoryCollection(settings.Select(pair => KeyValuePair.Create(pair.Key.Replace("__", ":", StringComparison.Ordinal), (string?)pair.Value)))
        .Build();

    /// <summary>The two names that the WebJobs SDK looks up, and the values that it takes for yes.</summary>
    public bool IsDisabled(string function) => Yes($"AzureWebJobs.{function}.Disabled") || Yes($"AzureWebJobs_{function}_Disabled");

    private bool Yes(string name) => _configuration[name] is { } value && (value == "1" || value.Equals("true", StringComparison.OrdinalIgnoreCase));
}
