using System.Diagnostics;
using System.Reflection;
using System.Text;
using System.Text.Json;
using Sana.Tests.Support;

namespace Sana.Functions.Tests.Infra;

/// <summary>The real Bicep compiler, from its package: it compiles <c>infra/</c>, and it evaluates a module with given parameters.</summary>
internal static class BicepProgram
{
    private static readonly string _program = typeof(BicepProgram).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(pair => pair.Key == "Bicep").Value!;

    /// <summary>What the compiler wrote: to stdout, and to stderr.</summary>
    public static (string Text, string Said) Run(params string[] arguments)
    {
        if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(_program) & UnixFileMode.UserExecute) == 0)
            File.SetUnixFileMode(_program, File.GetUnixFileMode(_program) | UnixFileMode.UserExecute);
        using var process = Process.Start(new ProcessStartInfo(_program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var said = process.StandardError.ReadToEndAsync();
        var text = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? (text, said.Result) : throw new InvalidOperationException(said.Result);
    }

    /// <summary>A module of <c>infra/</c>, evaluated: its <c>outputs</c> and its <c>predictedResources</c>, with every expression that needs no deployed resource resolved.</summary>
    public static JsonElement Evaluate(string module, IReadOnlyDictionary<string, object> parameters)
    {
        using var folder = new TempFolder();
        var file = Path.Combine(folder.Path, "probe.bicepparam");
        var text = new StringBuilder($"using '{Path.GetRelativePath(folder.Path, Path.Combine(Repository.Root, "infra", module))}'\n");
        foreach (var (name, value) in parameters)
            text.Append(null, $"param {name} = json('''{JsonSerializer.Serialize(value)}''')\n");
        File.WriteAllText(file, text.ToString());
        Run("snapshot", file, "--mode", "overwrite", "--subscription-id", Guid.Empty.ToString(), "--resource-group", "rg-sana", "--location", "swedencentral");
        return JsonDocument.Parse(File.ReadAllText(Path.ChangeExtension(file, "snapshot.json"))).RootElement;
    }
}
