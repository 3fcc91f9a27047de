namespace Sana.Workflows.Contract;

/// <summary>Waits that are made of the context's own: every engine behaves alike.</summary>
public static class Waiting
{
    /// <summary>Waits for the given time, however often the process is restarted meanwhile.</summary>
    public static Task Sleep(this IWorkflowContext context, TimeSpan time, CancellationToken cancellation = default) =>
        context.Timer(context.UtcNow + time, cancellation);

    /// <summary>Takes the next event of this name if it arrives in time.</summary>
    /// <exception cref="TimeoutException">It did not arrive before <paramref name="deadline"/>, counted from now; if it arrives later it is kept.</exception>
    public static async Task<T> WaitForEvent<T>(this IWorkflowContext context, string name, TimeSpan deadline)
    {
        using var rest = new CancellationTokenSource();
        var arrival = context.WaitForEvent<T>(name, rest.Token);
        var expiry = context.Sleep(deadline, rest.Token);

        var first = await Task.WhenAny(arrival, expiry);
        rest.Cancel();
        if (first == arrival)
            return await arrival;
        await expiry;
        throw new TimeoutException($"Event {name} did not arrive within {deadline}.");
    }
}
