using System.Text.Json;

namespace Sana.Tests.Support;

/// <summary>Where the reference's checkpoints and expected tensors lie.</summary>
internal static class Fixtures
{
    public static string Sana { get; } = Find("SANA_FIXTURES", "sana");

    public static string Clip { get; } = Find("SANA_CLIP_FIXTURES", "clip");

    public static string Adapters { get; } = Find("SANA_ADAPTER_FIXTURES", "adapters");

    public static string Judges { get; } = Find("SANA_JUDGE_FIXTURES", "judges");

    public static string Florence { get; } = Find("SANA_FLORENCE_FIXTURES", "florence");

    // Python writes an infinite number bare, which JSON has no word for: scheduler_config.json holds "lambda_min_clipped": -Infinity.
    public static JsonDocument Json(params string[] path) =>
        JsonDocument.Parse(File.ReadAllText(Path.Combine([Sana, .. path])).Replace(": -Infinity", ": null", StringComparison.Ordinal));

    private static string Find(string variable, string name)
    {
        if (Environment.GetEnvironmentVariable(variable) is { Length: > 0 } folder)
        {
            return folder;
        }

        for (var up = new DirectoryInfo(AppContext.BaseDirectory); up is not null; up = up.Parent)
        {
            var candidate = Path.Combine(up.FullName, "tests", "fixtures", name);
            if (Directory.Exists(candidate))
            {
                return candidate;
            }
        }

        throw new DirectoryNotFoundException($"No tests/fixtures/{name} above {AppContext.BaseDirectory}; set {variable}.");
    }
}
