namespace Sana.Workflows.Contract;

/// <summary>How the world outside talks to instances: the command line, HTTP, timers and queue workers.</summary>
public interface IWorkflowClient
{
    /// <summary>Starts an instance, or finds the one that has this id.</summary>
    /// <param name="workflow">What to run.</param>
    /// <param name="input">Names and counts, never bytes.</param>
    /// <param name="id">1…256 characters without control characters. Default: a new one.</param>
    /// <param name="restartFinished">Replace an instance of this id that has finished, and its children. Default false: return it.</param>
    Task<StartOutcome> Start<TIn, TOut>(Workflow<TIn, TOut> workflow, TIn input, string? id = null, bool restartFinished = false);

    /// <summary>Hands an event to an instance, which keeps it until it waits for this name. False when no unfinished instance has this id.</summary>
    Task<bool> RaiseEvent<T>(string id, string name, T payload);

    /// <summary>The instance as it stands, or null.</summary>
    Task<WorkflowInstance?> Get(string id);

    /// <summary>Waits until the instance has finished or is refused.</summary>
    /// <exception cref="KeyNotFoundException">No instance has this id.</exception>
    Task<WorkflowInstance> Wait(string id, CancellationToken cancellation = default);

    /// <summary>Instances, newest first.</summary>
    Task<IReadOnlyList<WorkflowInstance>> List(InstanceQuery query);

    /// <summary>Asks an instance and its children to stop, see <see cref="WorkflowCanceledException"/>; a suspended one is resumed for it. False when it is not unfinished.</summary>
    Task<bool> Cancel(string id, string reason);

    /// <summary>Lets an instance and its children begin no further step until resumed; steps that run end and are recorded. False when none of them is running.</summary>
    Task<bool> Suspend(string id);

    /// <summary>Lets a suspended instance and its children go on. False when none of them is suspended.</summary>
    Task<bool> Resume(string id);

    /// <summary>Ends an instance and its children at once, without a word to their code. False when it is not unfinished.</summary>
    Task<bool> Terminate(string id, string reason);

    /// <summary>Forgets a finished instance and its children. False when it does not exist or has not finished.</summary>
    Task<bool> Purge(string id);

    /// <summary>Forgets what finished before the given time, children with their parents; returns how many top instances.</summary>
    Task<int> PurgeFinished(DateTime before);
}

/// <summary>What a start found.</summary>
/// <param name="Instance">The new or the found instance.</param>
/// <param name="IsNew">False when an instance of this id existed and was left as it is.</param>
public sealed record StartOutcome(WorkflowInstance Instance, bool IsNew);
