using System.Threading.Channels;
using Sana.Workflows.Contract;

namespace Sana.Local.Engine;

/// <summary>One attempt at a step.</summary>
internal sealed record StepRun(LiveInstance Instance, Call Call, int Attempt, CancellationToken Cancellation);

/// <summary>What came of an attempt: a row that ends the call, or the time of the next attempt.</summary>
internal sealed record StepEnd(HistoryRow? Row, DateTime Due);

/// <summary>Runs steps in the order in which they were asked for, a bounded number at once.</summary>
internal sealed class Dispatcher
{
    // A history is read by people and kept for weeks: the full text is the step's own log.
    private const int LongestMessage = 4_000;

    private readonly Channel<StepRun> _queue = Channel.CreateUnbounded<StepRun>();
    private readonly WorkflowRegistry _registry;
    private readonly Func<DateTime> _now;
    private readonly Action<StepRun, StepEnd> _ended;
    private readonly CancellationToken _stopping;
    private readonly Task[] _lanes;

    public Dispatcher(WorkflowRegistry registry, int lanes, Func<DateTime> now, Action<StepRun, StepEnd> ended, CancellationToken stopping)
    {
        (_registry, _now, _ended, _stopping) = (registry, now, ended, stopping);
        _lanes = [.. Enumerable.Range(0, lanes).Select(_ => Task.Run(Lane))];
    }

    public void Enqueue(StepRun run) => _queue.Writer.TryWrite(run);

    /// <summary>Ends when the steps that run have ended; the token given at the start was canceled before.</summary>
    public Task Drain() => Task.WhenAll(_lanes);

    private async Task Lane()
    {
        try
        {
            while (await _queue.Reader.WaitToReadAsync(_stopping))
            {
                while (!_stopping.IsCancellationRequested && _queue.Reader.TryRead(out var run))
                {
                    if (run.Instance.Admits(run) && await Try(run) is { } end)
                        _ended(run, end);
                }
            }
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
        }
    }

    /// <summary>Null when the attempt does not count: nobody wants the result, or the engine was closed under it.</summary>
    private async Task<StepEnd?> Try(StepRun run)
    {
        var call = run.Call;
        try
        {
            var body = _registry.FindStep(call.Name)
                ?? throw new NotSupportedException($"Step '{call.Name}' is not registered in this program; it has {string.Join(", ", _registry.Steps)}.");
            return new StepEnd(Row(await body(call.Input, run.Cancellation), null), default);
        }
        catch (Exception) when (_stopping.IsCancellationRequested || call.Dropped)
        {
            return null;
        }
        catch (Exception error)
        {
            var type = error.GetType().FullName!;
            return call.Retry is { } retry && retry.Allows(run.Attempt, type)
                ? new StepEnd(null, _now() + Spread(retry.After(run.Attempt)))
                : new StepEnd(Row(error.Message[..Math.Min(error.Message.Length, LongestMessage)], type), default);
        }

        HistoryRow Row(string value, string? errorType) => new(RowKind.Step, call.Number, call.Name, call.Hash, _now(), run.Attempt, value, errorType);
    }

    /// <summary>Jitter of a fifth either way: steps that failed together do not come back together.</summary>
    private static TimeSpan Spread(TimeSpan wait) => wait * (0.8 + (0.4 * Random.Shared.NextDouble()));
}
