using System.Reflection;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Extensions.Abstractions;
using Sana.Functions.Rendering;

namespace Sana.Functions.Tests;

/// <summary>The app's functions by their attributes, with the Service Bus trigger also where its package is missing.</summary>
internal static class FunctionTable
{
    private static readonly Dictionary<string, MethodInfo> _functions = new[] { typeof(Orchestrations).Assembly, typeof(RenderFromServiceBus).Assembly }.Distinct()
        .SelectMany(assembly => assembly.GetTypes())
        .SelectMany(type => type.GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly))
        .Where(method => method.GetCustomAttribute<FunctionAttribute>() is not null)
        .ToDictionary(method => method.GetCustomAttribute<FunctionAttribute>()!.Name);

    public static IReadOnlyCollection<string> Names => _functions.Keys;

    public static IEnumerable<(string Name, T Trigger)> Of<T>()
        where T : TriggerBindingAttribute => _functions
        .Select(function => (function.Key, function.Value.GetParameters().Select(parameter => parameter.GetCustomAttribute<T>()).FirstOrDefault(found => found is not null)))
        .Where(found => found.Item2 is not null)!;
}
