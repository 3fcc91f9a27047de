using System.Collections.Concurrent;
using Microsoft.DurableTask;

namespace DurableTask.Sqlite.Tests;

/// <summary>The activities that the scenarios call, and what the tests see and decide of them. Lives longer than a host.</summary>
internal sealed class Fakes
{
    public const string Double = "Double";
    public const string Flaky = "Flaky";
    public const string Doomed = "Doomed";
    public const string Gated = "Gated";

    private readonly ConcurrentDictionary<string, int> _attempts = [];
    private readonly TaskCompletionSource _gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _begun;
    private int _canceled;

    /// <summary>How often <see cref="Gated"/> was begun.</summary>
    public int Begun => Volatile.Read(ref _begun);

    /// <summary>How often a gated activity was canceled.</summary>
    public int Canceled => Volatile.Read(ref _canceled);

    /// <summary>How often each flaky or doomed thing was tried.</summary>
    public int Attempts(string key) => _attempts.GetValueOrDefault(key);

    /// <summary>Lets every gated activity end, now and later.</summary>
    public void Open() => _gate.TrySetResult();

    public void AddTo(DurableTaskRegistry tasks)
    {
        tasks.AddActivityFunc<int, int>(Double, (_, number) => 2 * number);
        tasks.AddActivityFunc<string, int>(Flaky, (_, key) => Try(key) is var attempt && attempt > 2 ? attempt : throw new IOException($"attempt {attempt}"));
        tasks.AddActivityFunc<string, int>(Doomed, (_, key) => Break(key));
        tasks.AddActivityFunc<int, int>(Gated, async (_, number) =>
        {
            Interlocked.Increment(ref _begun);
            try
            {
                await _gate.Task.WaitAsync(ActivityCancellation.Current);
            }
            catch (OperationCanceledException)
            {
                Interlocked.Increment(ref _canceled);
                throw;
            }

            return number;
        });
    }

    private int Break(string key) => throw new InvalidDataException($"{key} is broken ({Try(key)})");

    private int Try(string key) => _attempts.AddOrUpdate(key, 1, (_, count) => count + 1);
}
