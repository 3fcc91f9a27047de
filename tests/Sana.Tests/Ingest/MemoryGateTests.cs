using Sana.Curation.Ingest;
using Xunit;

namespace Sana.Tests.Ingest;

public sealed class MemoryGateTests
{
    private readonly MemoryGate _gate = new();

    [Fact]
    public void What_fits_goes_in_at_once()
    {
        using var one = _gate.Enter(60, 100, CancellationToken.None);
        using var two = _gate.Enter(40, 100, CancellationToken.None);
    }

    [Fact]
    public async Task What_does_not_fit_waits_until_it_does()
    {
        var held = _gate.Enter(60, 100, CancellationToken.None);
        var waiting = Start(41);
        Assert.False(waiting.IsCompleted);

        held.Dispose();

        (await waiting).Dispose();
    }

    [Fact]
    public async Task A_large_one_is_not_overtaken_by_small_ones()
    {
        var held = _gate.Enter(60, 100, CancellationToken.None);
        var large = Start(100);
        var small = Start(1);
        Assert.False(small.IsCompleted);

        held.Dispose();
        var claim = await large;
        Assert.False(small.IsCompleted);

        claim.Dispose();
        (await small).Dispose();
    }

    [Fact]
    public async Task Who_gives_up_lets_the_next_in()
    {
        using var run = new CancellationTokenSource();
        using var held = _gate.Enter(60, 100, CancellationToken.None);
        var gone = Start(100, run.Token);
        var small = Start(40);

        await run.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => gone);
        (await small).Dispose();
    }

    [Fact]
    public void Many_threads_never_hold_more_than_the_limit()
    {
        var held = 0L;
        Parallel.For(0, 2_000, new ParallelOptions { MaxDegreeOfParallelism = 8 }, i =>
        {
            var bytes = 1 + (i * 37 % 100);
            using var claim = _gate.Enter(bytes, 100, CancellationToken.None);
            Assert.InRange(Interlocked.Add(ref held, bytes), 1, 100);
            Interlocked.Add(ref held, -bytes);
        });

        using var all = _gate.Enter(100, 100, CancellationToken.None);
    }

    // On a thread of its own, and back once it stands in the queue or is through.
    private Task<MemoryGate.Claim> Start(long bytes, CancellationToken cancellationToken = default)
    {
        var waiting = _gate.Waiting;
        var entered = Task.Factory.StartNew(() => _gate.Enter(bytes, 100, cancellationToken), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        SpinWait.SpinUntil(() => entered.IsCompleted || _gate.Waiting > waiting);
        return entered;
    }
}
