using Microsoft.DurableTask;

namespace Sana.Jobs.Durable;

/// <summary>The name of an orchestration with the types it takes and gives, so that a start is checked by the compiler.</summary>
/// <param name="Name">The class's name.</param>
public readonly record struct Orchestration<TIn, TOut>(string Name);

/// <summary>The name of an activity with the types it takes and gives. It stays the same as long as instances that recorded it may run.</summary>
/// <param name="Name">Letters and digits: the name of the function on Azure.</param>
public readonly record struct Activity<TIn, TOut>(string Name);

/// <summary>Typed calls, retries and bounded fan-out for orchestrations.</summary>
public static class Tasks
{
    /// <summary>Runs the activity at least once; on replay returns the recorded result.</summary>
    /// <exception cref="TaskFailedException">The last attempt failed.</exception>
    public static Task<TOut> Call<TIn, TOut>(this TaskOrchestrationContext context, Activity<TIn, TOut> activity, TIn input, TaskOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(context);
        return context.CallActivityAsync<TOut>(activity.Name, input, options);
    }

    /// <summary>Attempts with doubled waits between them.</summary>
    /// <param name="attempts">In all, the first included; 1 or more.</param>
    /// <param name="first">Wait before the second attempt. Default 1 second.</param>
    /// <param name="longest">No wait is longer. Default 5 minutes.</param>
    /// <param name="backoff">What each further wait is multiplied by. Default 2.</param>
    /// <param name="except">Full names of exception types that another attempt cannot cure.</param>
    public static TaskOptions Retry(int attempts, TimeSpan? first = null, TimeSpan? longest = null, double backoff = 2, params IReadOnlyList<string> except) => TaskOptions.FromRetryPolicy(
        new RetryPolicy(attempts, first ?? TimeSpan.FromSeconds(1), backoff, longest ?? TimeSpan.FromMinutes(5))
        {
            // A host may wrap what an activity threw.
            HandleFailure = failure => !Chain(failure).Any(cause => except.Contains(cause.ErrorType)),
        });

    /// <summary>Calls <paramref name="work"/> for every item, in order, with at most <paramref name="inFlight"/> unfinished; results in the order of the items.</summary>
    /// <remarks>Each lane takes the next item when its last one ended, which costs the same at any count; a loop over <c>Task.WhenAny</c> is quadratic.</remarks>
    /// <param name="items">What to work on.</param>
    /// <param name="inFlight">1 or more.</param>
    /// <param name="work">Makes calls of the orchestration's context.</param>
    /// <exception cref="TaskFailedException">An item failed; no further item is begun, those in flight finish first.</exception>
    public static async Task<TOut[]> ForEach<TIn, TOut>(IReadOnlyList<TIn> items, int inFlight, Func<TIn, Task<TOut>> work)
    {
        ArgumentNullException.ThrowIfNull(items);
        ArgumentOutOfRangeException.ThrowIfLessThan(inFlight, 1);
        var results = new TOut[items.Count];
        var next = 0;
        var failed = false;

        async Task Lane()
        {
            try
            {
                while (next < items.Count && !failed)
                {
                    var mine = next++;
                    results[mine] = await work(items[mine]);
                }
            }
            catch
            {
                failed = true;
                throw;
            }
        }

        await Task.WhenAll(Enumerable.Range(0, Math.Min(inFlight, items.Count)).Select(_ => Lane()).ToArray());
        return results;
    }

    /// <summary>A failure and what caused it, the outermost first.</summary>
    internal static IEnumerable<TaskFailureDetails> Chain(TaskFailureDetails? failure)
    {
        for (; failure is not null; failure = failure.InnerFailure)
            yield return failure;
    }
}
