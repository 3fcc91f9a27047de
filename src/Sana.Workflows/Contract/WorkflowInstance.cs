namespace Sana.Workflows.Contract;

/// <summary>Where an instance stands.</summary>
public enum WorkflowStatus
{
    /// <summary>At work, or waiting for a step, a timer, an event or a child.</summary>
    Running,

    /// <summary>Held by request; what arrives meanwhile is kept.</summary>
    Suspended,

    /// <summary>Its code changed or is missing in this program. Nothing is lost: it goes on under a program that has the old code.</summary>
    Refused,

    /// <summary>Ended with an output.</summary>
    Completed,

    /// <summary>Ended with an error.</summary>
    Failed,

    /// <summary>Ended because it was asked to.</summary>
    Canceled,

    /// <summary>Ended from outside, without a word to the workflow.</summary>
    Terminated,
}

/// <summary>An instance as it stood at one moment.</summary>
public sealed record WorkflowInstance
{
    /// <summary>The id it was started under.</summary>
    public required string Id { get; init; }

    /// <summary>The orchestration's name.</summary>
    public required string Workflow { get; init; }

    /// <summary>Where it stands.</summary>
    public required WorkflowStatus Status { get; init; }

    /// <summary>The run's input as JSON; after a continue-as-new the newest one.</summary>
    public required string Input { get; init; }

    /// <summary>The result as JSON, once Completed.</summary>
    public string? Output { get; init; }

    /// <summary>Full name of the exception type, once Failed, Canceled, Terminated or Refused.</summary>
    public string? ErrorType { get; init; }

    /// <summary>Why it ended or is refused.</summary>
    public string? Error { get; init; }

    /// <summary>What the workflow last set as its status, as JSON.</summary>
    public string? CustomStatus { get; init; }

    /// <summary>The instance that called it, or null.</summary>
    public string? ParentId { get; init; }

    /// <summary>When it was started, UTC.</summary>
    public required DateTime Created { get; init; }

    /// <summary>When something was last recorded, UTC.</summary>
    public required DateTime Updated { get; init; }

    /// <summary>How often it began with an empty history, 1 or more.</summary>
    public required int Runs { get; init; }

    /// <summary>Steps and children that succeeded, over all runs.</summary>
    public required long StepsDone { get; init; }

    /// <summary>Steps and children that failed for good, over all runs.</summary>
    public required long StepsFailed { get; init; }

    /// <summary>Steps and children that were called and have not ended; 0 when nobody runs the instance.</summary>
    public int StepsInFlight { get; init; }

    /// <summary>True when nothing more will happen.</summary>
    public bool IsFinished => Status >= WorkflowStatus.Completed;

    /// <summary>The output as a value.</summary>
    /// <exception cref="InvalidOperationException">There is none.</exception>
    public T ReadOutput<T>() =>
        Output is null ? throw new InvalidOperationException($"Instance {Id} is {Status} and has no output. {Error}") : WorkflowJson.Read<T>(Output);
}
