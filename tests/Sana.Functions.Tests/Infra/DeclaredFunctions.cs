using System.Text.RegularExpressions;
using Sana.Tests.Support;

namespace Sana.Functions.Tests.Infra;

/// <summary>A function as the source of <c>src/Sana.Functions</c> declares it.</summary>
/// <param name="Name">The name in its <c>[Function]</c>.</param>
/// <param name="Trigger">The kind of its trigger: Http, Timer, Orchestration, Activity, Queue, ServiceBus.</param>
/// <param name="Arguments">The trigger's arguments, constants resolved.</param>
internal sealed record DeclaredFunction(string Name, string Trigger, IReadOnlyList<string> Arguments)
{
    /// <value>The app setting, or the section of settings, that the trigger connects with.</value>
    public string? Connection => Named("Connection");

    /// <value>Of an HTTP trigger.</value>
    public string? Route => Named("Route");

    /// <value>Settings whose values stand in the trigger's arguments as <c>%Name%</c>.</value>
    public IEnumerable<string> Inserted => Arguments.SelectMany(argument => Regex.Matches(argument, @"%(\w+)%").Select(match => match.Groups[1].Value));

    /// <value>Roles that have this function enabled. Messages are the gpu role's, health is everybody's, all else is the orchestrator's.</value>
    public IReadOnlyList<string> Roles => Trigger switch
    {
        "Queue" or "ServiceBus" => ["gpu"],
        "Http" when Route is "healthz" or "readyz" => ["orchestrator", "gpu"],
        _ => ["orchestrator"],
    };

    private string? Named(string name) =>
        Arguments.FirstOrDefault(argument => argument.StartsWith($"{name} = ", StringComparison.Ordinal))?[(name.Length + 3)..];
}

/// <summary>All functions of the app, read from its source: what a build would write into <c>functions.metadata</c>.</summary>
internal static partial class DeclaredFunctions
{
    private static readonly string _source = string.Join('\n', Directory
        .EnumerateFiles(Path.Combine(Repository.Source, "Sana.Functions"), "*.cs", SearchOption.AllDirectories)
        .Where(file => !file.Split(Path.DirectorySeparatorChar).Intersect(["bin", "obj"]).Any())
        .Order(StringComparer.Ordinal)
        .Select(File.ReadAllText));

    /// <value>How often the source says <c>[Function(</c>: as many as <see cref="All"/> has.</value>
    public static int Count { get; } = _source.Split("[Function(").Length - 1;

    public static IReadOnlyList<DeclaredFunction> All { get; } = [.. Function().Split(_source).Skip(1).Chunk(2).Select(Read)];

    // Parts of a split: the argument of [Function(…)], and the text up to the next one.
    private static DeclaredFunction Read(string[] parts)
    {
        var trigger = Trigger().Match(parts[1]);
        return new DeclaredFunction(Value(parts[0]), trigger.Groups[1].Value, [.. Argument().Matches(trigger.Groups[2].Value).Select(argument => Named(argument.Value.Trim()))]);
    }

    private static string Named(string argument) =>
        argument.Split(" = ", 2) is [var name, var value] ? $"{name} = {Value(value)}" : Value(argument);

    private static string Value(string expression)
    {
        if (expression.StartsWith('"'))
            return expression.Trim('"');
        var name = expression.Split('.')[^1].TrimEnd(')');
        if (expression.StartsWith("nameof(", StringComparison.Ordinal))
            return name.Split('(')[^1];
        var constant = Regex.Match(_source, $@"const string {Regex.Escape(name)} = ""([^""]*)""");
        return constant.Success ? constant.Groups[1].Value : expression;
    }

    [GeneratedRegex(@"\[Function\(((?:""[^""]*""|nameof\([\w.]+\)|[\w.]+))\)\]")]
    private static partial Regex Function();

    [GeneratedRegex(@"\[(\w+)Trigger(?:\((.*?)\))?\]\s", RegexOptions.Singleline)]
    private static partial Regex Trigger();

    [GeneratedRegex(@"(?:""[^""]*""|[^,""])+")]
    private static partial Regex Argument();
}
