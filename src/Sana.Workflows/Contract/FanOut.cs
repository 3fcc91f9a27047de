namespace Sana.Workflows.Contract;

/// <summary>Many calls, a bounded number of them in flight.</summary>
public static class FanOut
{
    /// <summary>Calls <paramref name="work"/> for every item, in order, with at most <paramref name="inFlight"/> unfinished; results in the order of the items.</summary>
    /// <remarks>Each lane takes the next item when its last one ended, which costs the same at any count; a loop over <c>Task.WhenAny</c> is quadratic.</remarks>
    /// <param name="context">The orchestration's context.</param>
    /// <param name="items">What to work on.</param>
    /// <param name="inFlight">1 or more.</param>
    /// <param name="work">Makes calls of the context.</param>
    /// <exception cref="StepFailedException">An item failed; no further item is begun, those in flight finish first.</exception>
    public static async Task<TOut[]> ForEach<TIn, TOut>(this IWorkflowContext context, IReadOnlyList<TIn> items, int inFlight, Func<TIn, Task<TOut>> work)
    {
        ArgumentNullException.ThrowIfNull(context);
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
}
