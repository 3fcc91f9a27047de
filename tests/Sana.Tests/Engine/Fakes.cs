using System.Collections.Concurrent;
using Sana.Workflows.Contract;

namespace Sana.Tests.Engine;

/// <summary>The steps that the scenarios call, and what the tests see and decide of them. Lives longer than an engine.</summary>
internal sealed class Fakes
{
    public static readonly Step<int, int> Double = new("double");
    public static readonly Step<string, int> Flaky = new("flaky");
    public static readonly Step<string, int> Doomed = new("doomed");
    public static readonly Step<int, int> Gated = new("gated");

    private readonly ConcurrentDictionary<string, int> _attempts = [];
    private readonly TaskCompletionSource _gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _begun;

    /// <summary>How often <see cref="Gated"/> was begun.</summary>
    public int Begun => Volatile.Read(ref _begun);

    /// <summary>How often each flaky or doomed thing was tried.</summary>
    public int Attempts(string key) => _attempts.GetValueOrDefault(key);

    /// <summary>Lets every gated step end, now and later.</summary>
    public void Open() => _gate.TrySetResult();

    public WorkflowRegistry Register(WorkflowRegistry registry) => registry
        .Add(Double, (number, _) => Task.FromResult(2 * number))
        .Add(Flaky, (key, _) => Try(key) is var attempt && attempt > 2 ? Task.FromResult(attempt) : throw new IOException($"attempt {attempt}"))
        .Add(Doomed, (key, _) => Task.FromException<int>(new InvalidDataException($"{key} is broken ({Try(key)})")))
        .Add(Gated, async (number, cancellation) =>
        {
            Interlocked.Increment(ref _begun);
            await _gate.Task.WaitAsync(cancellation);
            return number;
        });

    private int Try(string key) => _attempts.AddOrUpdate(key, 1, (_, count) => count + 1);
}
