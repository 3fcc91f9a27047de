using Microsoft.Extensions.Time.Testing;
using Sana.Local.Serve;
using Xunit;

namespace Sana.Tests.Serve;

/// <summary>What pages show is read once for all who look.</summary>
public sealed class ReadOnceTests
{
    private readonly FakeTimeProvider _clock = new();
    private int _reads;

    [Fact]
    public async Task Twenty_viewers_cost_one_read()
    {
        var (kept, gate) = (new ReadOnce<int>(TimeSpan.FromSeconds(1), most: 10, _clock), new TaskCompletionSource<int>());

        var viewers = Enumerable.Range(0, 20).Select(_ => kept.Get("", () => Count(gate.Task))).ToList();
        gate.SetResult(7);

        Assert.All(await Task.WhenAll(viewers), value => Assert.Equal(7, value));
        Assert.Equal(7, await kept.Get("", () => Count(Task.FromResult(8))));
        Assert.Equal(1, _reads);
    }

    [Fact]
    public async Task After_its_moment_it_is_read_again()
    {
        var kept = new ReadOnce<int>(TimeSpan.FromSeconds(1), most: 10, _clock);

        await kept.Get("", () => Count(Task.FromResult(1)));
        _clock.Advance(TimeSpan.FromSeconds(1.1));

        Assert.Equal(2, await kept.Get("", () => Count(Task.FromResult(2))));
    }

    [Fact]
    public async Task A_read_that_failed_is_not_kept()
    {
        var kept = new ReadOnce<int>(TimeSpan.FromSeconds(1), most: 10, _clock);

        await Assert.ThrowsAsync<IOException>(() => kept.Get("", () => Count(Task.FromException<int>(new IOException("gone")))));

        Assert.Equal(3, await kept.Get("", () => Count(Task.FromResult(3))));
    }

    [Fact]
    public async Task Each_key_has_its_own_and_no_more_are_kept_than_allowed()
    {
        var kept = new ReadOnce<int>(TimeSpan.FromSeconds(1), most: 2, _clock);

        foreach (var key in (string[])["a", "b", "c", "a", "b", "c"])
            Assert.Equal(key[0], await kept.Get(key, () => Count(Task.FromResult((int)key[0]))));

        // The third has no room, so it is read each time.
        Assert.Equal(4, _reads);
    }

    private Task<int> Count(Task<int> value)
    {
        Interlocked.Increment(ref _reads);
        return value;
    }
}
