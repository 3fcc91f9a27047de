using Microsoft.Extensions.Logging;

namespace Sana.Workflows.Contract;

/// <summary>What an orchestration may do. Everything else (clock, files, models, network) belongs in a step.</summary>
/// <remarks>
/// An orchestration is replayed: after a restart its code runs again from the first line and is handed the recorded results in the recorded order.
/// It must therefore make the same calls each time:
/// <list type="number">
/// <item>Await only tasks of this context and combinations of them (<c>Task.WhenAll</c>, <c>Task.WhenAny</c>, <see cref="FanOut"/>). A foreign task is refused at run time.</item>
/// <item>Time, ids and logs come from <see cref="UtcNow"/>, <see cref="NewId"/> and <see cref="Logger"/>. Never the system clock, <c>Guid.NewGuid</c> or <c>Random</c>.</item>
/// <item>No files, network, environment variables, configuration, threads, locks or static state that changes. What may differ tomorrow goes into the input or a step's result.</item>
/// <item>No <c>ConfigureAwait(false)</c>, no <c>Task.Run</c>, no enumeration of a <c>Dictionary</c> or <c>HashSet</c> that feeds calls.</item>
/// <item>History holds names and counts, never bytes: pass blob names.</item>
/// <item>Keep some hundred children in flight; past that <see cref="ContinueAsNew"/> with a cursor.</item>
/// <item>Cancel the token of a timer that is no longer needed: some engines keep an instance open until its last timer fired.</item>
/// <item>Code that running instances still need is not edited: a changed orchestration gets a new name.</item>
/// </list>
/// Orchestrations live in <c>Sana.Workflows/Orchestrations</c>, where <c>BannedSymbols.txt</c> turns most of these rules into build errors.
/// </remarks>
public interface IWorkflowContext
{
    /// <summary>The id under which this instance was started.</summary>
    string InstanceId { get; }

    /// <summary>The time of the newest event that this code has seen; the same on every replay.</summary>
    DateTime UtcNow { get; }

    /// <summary>True while recorded results are handed out again. For logs and metrics only, never for decisions.</summary>
    bool IsReplaying { get; }

    /// <summary>Writes each line once: silent during replay.</summary>
    ILogger Logger { get; }

    /// <summary>An id that is unique to this call and the same on every replay.</summary>
    Guid NewId();

    /// <summary>Runs the step at least once; on replay returns the recorded result.</summary>
    /// <param name="step">What to run.</param>
    /// <param name="input">Names and counts, never bytes.</param>
    /// <param name="retry">Default: one attempt.</param>
    /// <exception cref="StepFailedException">The last attempt failed.</exception>
    Task<TOut> Call<TIn, TOut>(Step<TIn, TOut> step, TIn input, StepRetry? retry = null);

    /// <summary>Starts another orchestration and waits for it. It goes on when its caller ends first, unless that was terminated.</summary>
    /// <param name="workflow">What to run.</param>
    /// <param name="input">Names and counts, never bytes.</param>
    /// <param name="instanceId">New in this journal; derive it from <see cref="InstanceId"/> and the work's own name, so that a restart meets the same child.</param>
    /// <exception cref="StepFailedException">The child failed, was canceled or terminated, or its id is taken.</exception>
    Task<TOut> CallWorkflow<TIn, TOut>(Workflow<TIn, TOut> workflow, TIn input, string instanceId);

    /// <summary>Completes at <paramref name="due"/> (UTC), however often the process is restarted before; at once when that has passed.</summary>
    Task Timer(DateTime due, CancellationToken cancellation = default);

    /// <summary>Takes the next event of this name, be it one that arrived before. Waiters are served in the order in which they asked.</summary>
    /// <exception cref="OperationCanceledException">The token was canceled; a later event is then kept for the next waiter.</exception>
    Task<T> WaitForEvent<T>(string name, CancellationToken cancellation = default);

    /// <summary>Shows progress to whoever looks at the instance; the last value counts.</summary>
    void SetStatus<T>(T status);

    /// <summary>Starts this instance again with a new input and an empty history. Return right after it; the returned value is dropped.</summary>
    /// <param name="input">The next run's input.</param>
    /// <param name="keepEvents">Hand events that arrived and that nobody took to the next run. Default true.</param>
    void ContinueAsNew<TIn>(TIn input, bool keepEvents = true);
}
