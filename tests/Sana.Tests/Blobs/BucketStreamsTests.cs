using Sana.Storage.Blobs;
using Xunit;

namespace Sana.Tests.Blobs;

/// <summary>Streams over requests, against a bucket that stands in for one: a test says when its requests end, which no real store does.</summary>
public sealed class BucketStreamsTests
{
    private const int Megabyte = 1024 * 1024;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Who_reads_on_gets_growing_ranges_with_the_next_one_asked_for_already()
    {
        var bytes = Bytes(20 * Megabyte);
        List<(long Offset, int Count)> asked = [];
        await using var stream = new RangedStream(bytes.Length, Megabyte, (offset, into, _) =>
        {
            asked.Add((offset, into.Length));
            bytes.AsMemory((int)offset, into.Length).CopyTo(into);
            return Task.CompletedTask;
        });
        using var copy = new MemoryStream();
        await stream.CopyToAsync(copy, 81920, Cancellation);

        Assert.True(copy.GetBuffer().AsSpan(0, bytes.Length).SequenceEqual(bytes));
        Assert.Equal([1, 2, 4, 4, 4, 4, 1], asked.Select(range => range.Count / Megabyte));
        Assert.Equal(bytes.Length, asked.Sum(range => (long)range.Count));
    }

    [Fact]
    public async Task Jumps_ask_for_one_range_each_and_give_the_right_bytes()
    {
        var bytes = Bytes(300_000);
        var asked = 0;
        await using var stream = new RangedStream(bytes.Length, 1000, (offset, into, _) =>
        {
            asked++;
            bytes.AsMemory((int)offset, into.Length).CopyTo(into);
            return Task.CompletedTask;
        });
        var random = new Random(5);
        for (var i = 0; i < 100; i++)
        {
            stream.Position = random.Next(bytes.Length - 500);
            var part = new byte[500];
            var at = (int)stream.Position;
            await stream.ReadExactlyAsync(part, Cancellation);
            Assert.True(part.AsSpan().SequenceEqual(bytes.AsSpan(at, 500)));
        }

        Assert.InRange(asked, 90, 200);
    }

    [Fact]
    public async Task A_range_that_fails_is_an_error_where_it_is_read_and_is_asked_for_again()
    {
        var bytes = Bytes(8000);
        var fails = true;
        await using var stream = new RangedStream(bytes.Length, 1000, (offset, into, _) =>
        {
            if (offset >= 3000 && fails)
                return Task.FromException(new SanaException("The connection broke."));
            bytes.AsMemory((int)offset, into.Length).CopyTo(into);
            return Task.CompletedTask;
        });
        var copy = new byte[bytes.Length];
        await stream.ReadExactlyAsync(copy.AsMemory(0, 3000), Cancellation);

        await Assert.ThrowsAsync<SanaException>(() => stream.ReadExactlyAsync(copy.AsMemory(3000), Cancellation).AsTask());
        fails = false;
        await stream.ReadExactlyAsync(copy.AsMemory(3000), Cancellation);

        Assert.Equal(bytes, copy);
    }

    [Fact]
    public async Task A_stream_that_is_closed_stops_what_it_asked_for_ahead()
    {
        var stopped = new TaskCompletionSource();
        var stream = new RangedStream(8000, 1000, async (offset, _, cancellation) =>
        {
            if (offset < 3000)
                return;
            cancellation.Register(stopped.SetResult);
            await Task.Delay(Timeout.Infinite, cancellation);
        });
        await stream.ReadExactlyAsync(new byte[2000], Cancellation);

        await stream.DisposeAsync();

        await stopped.Task.WaitAsync(TimeSpan.FromSeconds(30), Cancellation);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => stream.ReadAsync(new byte[5000], Cancellation).AsTask());
    }

    [Fact]
    public async Task Blocks_go_up_side_by_side_and_keep_their_order()
    {
        var bytes = Bytes((40 * Megabyte) + 17);
        var (now, most) = (0, 0);
        await using var stream = new BlockStream<byte[]>(async (number, block) =>
        {
            most = Math.Max(most, Interlocked.Increment(ref now));
            // The later ones are there first.
            await Task.Delay(300 - (50 * number), Cancellation);
            Interlocked.Decrement(ref now);
            return block.ToArray();
        });

        await new MemoryStream(bytes).CopyToAsync(stream, Cancellation);
        var blocks = await stream.Finish();

        Assert.True(blocks.SelectMany(block => block).ToArray().AsSpan().SequenceEqual(bytes));
        Assert.Equal(6, blocks.Length);
        Assert.InRange(most, 2, 4);
    }

    [Fact]
    public async Task A_block_that_fails_is_an_error_of_the_writer_and_the_others_are_waited_for()
    {
        var (begun, ended) = (0, 0);
        var failed = new TaskCompletionSource();
        await using var stream = new BlockStream<int>(async (number, _) =>
        {
            if (number == 0)
            {
                await failed.Task;
                throw new SanaException("The service answers 500.");
            }

            Interlocked.Increment(ref begun);
            failed.TrySetResult();
            await Task.Delay(200, CancellationToken.None);
            Interlocked.Increment(ref ended);
            return number;
        });

        await Assert.ThrowsAsync<SanaException>(async () =>
        {
            await stream.WriteAsync(new byte[100 * Megabyte], Cancellation);
            await stream.Finish();
        });
        await stream.Settle();

        Assert.InRange(begun, 1, 11);
        Assert.Equal(begun, ended);
    }

    private static byte[] Bytes(int count)
    {
        var bytes = new byte[count];
        new Random(count).NextBytes(bytes);
        return bytes;
    }
}
