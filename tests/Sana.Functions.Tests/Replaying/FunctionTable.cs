using System.Reflection;
using System.Text.Json;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Extensions.Abstractions;
using Microsoft.DurableTask;

namespace Sana.Functions.Tests.Replaying;

/// <summary>The adapter's functions as the host finds them: by their attributes.</summary>
internal static class FunctionTable
{
    private static readonly Dictionary<string, MethodInfo> _functions = typeof(Orchestrations).Assembly.GetTypes()
        .SelectMany(type => type.GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly))
        .Where(method => method.GetCustomAttribute<FunctionAttribute>() is not null)
        .ToDictionary(method => method.GetCustomAttribute<FunctionAttribute>()!.Name);

    public static IReadOnlyCollection<string> Names => _functions.Keys;

    public static IEnumerable<(string Name, T Trigger)> Of<T>()
        where T : TriggerBindingAttribute => _functions
        .Select(function => (function.Key, function.Value.GetParameters().Select(parameter => parameter.GetCustomAttribute<T>()).FirstOrDefault(found => found is not null)))
        .Where(found => found.Item2 is not null)!;

    public static bool IsDisabled(IReadOnlyDictionary<string, string> settings, string function) =>
        settings.Any(setting => setting.Key.Replace("__", ".", StringComparison.Ordinal) == $"AzureWebJobs.{function}.Disabled" && setting.Value == "true");

    public static Task<JsonElement> Orchestrate(string name, TaskOrchestrationContext context) =>
        Of<OrchestrationTriggerAttribute>().Any(found => found.Name == name)
            ? (Task<JsonElement>)_functions[name].Invoke(null, [context])!
            : throw new InvalidOperationException($"There is no orchestration function {name}.");
}
