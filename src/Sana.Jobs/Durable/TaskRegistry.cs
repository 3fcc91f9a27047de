using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.DurableTask;

namespace Sana.Jobs.Durable;

/// <summary>The orchestrations and activities of a host. Filled once at start; the local worker registers them all, and on Azure each function runs one of them.</summary>
public sealed class TaskRegistry
{
    private readonly Dictionary<string, Delegate> _activities = [];
    private readonly List<string> _orchestrators = [];
    private readonly List<Action<DurableTaskRegistry, Func<CancellationToken>>> _tasks = [];

    /// <summary>Names of the orchestrations added so far.</summary>
    public IReadOnlyCollection<string> Orchestrators => _orchestrators;

    /// <summary>Names of the activities added so far.</summary>
    public IReadOnlyCollection<string> Activities => _activities.Keys;

    /// <summary>Adds an orchestration under its class's name; it is created anew for each run.</summary>
    public TaskRegistry AddOrchestrator<T>()
        where T : class, ITaskOrchestrator
    {
        _orchestrators.Add(typeof(T).Name);
        _tasks.Add((tasks, _) => tasks.AddOrchestrator<T>());
        return this;
    }

    /// <summary>Adds an activity. It may run more than once for one call: what it writes must have names that its input determines.</summary>
    /// <param name="activity">Its name.</param>
    /// <param name="run">Its work; the token is canceled when nobody waits for the result any more.</param>
    /// <exception cref="ArgumentException">The name is taken.</exception>
    public TaskRegistry Add<TIn, TOut>(Activity<TIn, TOut> activity, Func<TIn, CancellationToken, Task<TOut>> run)
    {
        _activities.Add(activity.Name, run);
        _tasks.Add((tasks, token) => tasks.AddActivityFunc<TIn, TOut>(activity.Name, (_, input) => run(input, token())));
        return this;
    }

    /// <summary>The work of an activity.</summary>
    /// <exception cref="SanaException">This host has none of this name.</exception>
    public Func<TIn, CancellationToken, Task<TOut>> Find<TIn, TOut>(Activity<TIn, TOut> activity) =>
        _activities.GetValueOrDefault(activity.Name) is Func<TIn, CancellationToken, Task<TOut>> run
            ? run
            : throw new SanaException($"This program has no activity '{activity.Name}'.");

    /// <summary>Registers everything with a worker of Microsoft's.</summary>
    /// <param name="tasks">The worker's registry.</param>
    /// <param name="token">The token of the activity that runs.</param>
    public void AddTo(DurableTaskRegistry tasks, Func<CancellationToken> token) => _tasks.ForEach(add => add(tasks, token));
}

/// <summary>How values are written into a history, the same on every host.</summary>
public static class WorkflowJson
{
    /// <summary>Names in camel case, enumerations by name.</summary>
    public static JsonSerializerOptions Options { get; } = new(JsonSerializerDefaults.Web) { Converters = { new JsonStringEnumConverter() } };

    /// <summary>The same for Microsoft's worker and client.</summary>
    public static DataConverter Converter { get; } = new Microsoft.DurableTask.Converters.JsonDataConverter(Options);

    /// <summary>The value of a text.</summary>
    /// <exception cref="JsonException">The text is not a <typeparamref name="T"/>.</exception>
    public static T Read<T>(string json) => JsonSerializer.Deserialize<T>(json, Options)!;
}
