using System.ComponentModel;
using System.Diagnostics;
using System.Text.Json;
using Sana.Tests.Support;

namespace Sana.Functions.Tests.Infra;

/// <summary>An overlay of <c>infra/kubernetes</c>, rendered by kubectl and read by the schemas of Kubernetes and KEDA.</summary>
internal sealed class Manifests
{
    private static readonly string _checker = Path.Combine(Repository.Root, "tests", "packages", "check-manifests.mjs");

    private Manifests(string text) => Text = text;

    public string Text { get; }

    public IReadOnlyList<JsonElement> Documents => field ??= [.. JsonDocument.Parse(Check(Text).Output).RootElement.EnumerateArray()];

    public static Manifests Of(string overlay) => new(Run("kubectl", ["kustomize", Path.Combine(Repository.Root, "infra", "kubernetes", overlay)]).Output);

    /// <summary>The faults of manifests, one a line; empty when they are right.</summary>
    public static string Faults(string yaml)
    {
        var (exitCode, _, error) = Check(yaml);
        return exitCode == 0 || error.Length > 0 ? error : throw new InvalidOperationException($"{_checker} ended with {exitCode}.");
    }

    public IEnumerable<JsonElement> All(string kind) => Documents.Where(document => document.GetProperty("kind").GetString() == kind);

    public JsonElement Only(string kind, string name) => All(kind).Single(document => NameOf(document) == name);

    /// <summary>The container of a deployment; each has one.</summary>
    public static JsonElement ContainerOf(JsonElement deployment) => Pod(deployment).GetProperty("containers").EnumerateArray().Single();

    public static JsonElement Pod(JsonElement deployment) => deployment.GetProperty("spec").GetProperty("template").GetProperty("spec");

    public static string NameOf(JsonElement document) => document.GetProperty("metadata").GetProperty("name").GetString()!;

    /// <summary>The environment of a deployment's container, in the order in which a cluster builds it; the value of a secret is its name.</summary>
    public IReadOnlyDictionary<string, string> Environment(string deployment)
    {
        var container = ContainerOf(Only("Deployment", deployment));
        var variables = new Dictionary<string, string>();
        if (container.TryGetProperty("envFrom", out var from))
        {
            foreach (var pair in from.EnumerateArray().SelectMany(source => Only("ConfigMap", source.GetProperty("configMapRef").GetProperty("name").GetString()!).GetProperty("data").EnumerateObject()))
                variables[pair.Name] = pair.Value.GetString()!;
        }

        if (container.TryGetProperty("env", out var given))
        {
            // $(NAME) is a variable of this list that stands before.
            var before = new Dictionary<string, string>();
            foreach (var variable in given.EnumerateArray())
            {
                var value = variable.TryGetProperty("value", out var text) ? text.GetString()! : $"secret:{variable.GetProperty("valueFrom").GetProperty("secretKeyRef").GetProperty("name").GetString()}";
                foreach (var (name, known) in before)
                    value = value.Replace($"$({name})", known, StringComparison.Ordinal);
                before[variable.GetProperty("name").GetString()!] = value;
            }

            foreach (var (name, value) in before)
                variables[name] = value;
        }

        return variables;
    }

    private static (int ExitCode, string Output, string Error) Check(string yaml)
    {
        NodePackages.File("kubernetes-models", "package.json");
        return Run("node", [_checker], yaml, mayFail: true);
    }

    private static (int ExitCode, string Output, string Error) Run(string program, string[] arguments, string? input = null, bool mayFail = false)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        try
        {
            using var process = Process.Start(start)!;
            var (output, error) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
            process.StandardInput.Write(input);
            process.StandardInput.Close();
            process.WaitForExit();
            return process.ExitCode == 0 || mayFail ? (process.ExitCode, output.Result, error.Result) : throw new InvalidOperationException(error.Result);
        }
        catch (Win32Exception)
        {
            throw new InvalidOperationException($"{program} is not on the PATH. The tests need kubectl (1.27 or newer) and Node 20 or newer.");
        }
    }
}
