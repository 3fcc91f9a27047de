using System.Security.Cryptography;
using Sana.Storage.Blobs;
using Sana.Tests.Queue;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Blobs;

/// <summary>What every place of blobs keeps alike.</summary>
public abstract class BlobStoreTests
{
    private const int Pieces = 20;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Put_if_absent_writes_once()
    {
        var blobs = await Open();

        var first = await blobs.PutIfAbsent("a/b.json", "one"u8.ToArray(), Cancellation);
        var second = await blobs.PutIfAbsent("a/b.json", "two"u8.ToArray(), Cancellation);

        Assert.True(first);
        Assert.False(second);
        Assert.Equal("one"u8.ToArray(), await blobs.Read("a/b.json", Cancellation));
    }

    [Fact]
    public async Task Put_replaces()
    {
        var blobs = await Open();
        await blobs.PutIfAbsent("a", "one"u8.ToArray(), Cancellation);
        var before = Assert.Single(await List(blobs, ""));

        await blobs.Put("a", "second"u8.ToArray(), Cancellation);

        Assert.Equal("second"u8.ToArray(), await blobs.Read("a", Cancellation));
        var after = Assert.Single(await List(blobs, ""));
        Assert.Equal(6, after.Length);
        Assert.NotEqual(before.Version, after.Version);
        Assert.InRange(after.Modified, TimeProvider.System.GetUtcNow().AddMinutes(-5), TimeProvider.System.GetUtcNow().AddMinutes(5));
    }

    [Fact]
    public async Task Of_many_writers_of_one_name_one_wins_and_its_bytes_are_whole()
    {
        var blobs = await Open();

        for (var round = 0; round < 5; round++)
        {
            var name = $"x/y{round}";
            var wins = await Task.WhenAll(Enumerable.Range(1, 32).Select(i => Task.Run(async () =>
                (Won: await blobs.PutIfAbsent(name, Enumerable.Repeat((byte)i, 100_000).ToArray(), Cancellation), Writer: i))));

            var winner = Assert.Single(wins, win => win.Won).Writer;
            Assert.Equal(Enumerable.Repeat((byte)winner, 100_000), await blobs.Read(name, Cancellation));
        }
    }

    [Fact]
    public async Task Listing_is_in_ordinal_order_of_whole_names()
    {
        var blobs = await Open();
        string[] names = ["a-b", "a.b", "a0", "a/b/c2", "a/b-c", "b", "a/c/d", "B", "a=1@x"];
        foreach (var name in names)
            await blobs.PutIfAbsent(name, new byte[name.Length], Cancellation);

        Assert.Equal(names.Order(StringComparer.Ordinal).Select(name => (name, (long)name.Length)), (await List(blobs, "")).Select(blob => (blob.Name, blob.Length)));
        Assert.Equal(["a/b-c", "a/b/c2"], (await List(blobs, "a/b")).Select(blob => blob.Name));
        Assert.Empty(await List(blobs, "nowhere/"));
    }

    [Fact]
    public async Task A_listing_of_many_pages_is_whole()
    {
        var blobs = await Open();
        await Parallel.ForEachAsync(Enumerable.Range(0, 2100), Cancellation, async (i, cancellation) => await blobs.Put($"many/{i:00000}", new byte[1], cancellation));

        Assert.Equal(Enumerable.Range(0, 2100).Select(i => $"many/{i:00000}"), (await List(blobs, "many/")).Select(blob => blob.Name));
    }

    [Fact]
    public async Task What_is_absent_reads_as_null_and_may_be_deleted()
    {
        var blobs = await Open();

        Assert.Null(await blobs.Read("no/thing", Cancellation));
        Assert.Null(await blobs.Open("no/thing", Cancellation));
        Assert.False(await blobs.Exists("no/thing", Cancellation));
        await blobs.Delete("no/thing", Cancellation);
    }

    [Fact]
    public async Task A_deleted_blob_is_gone_and_its_name_free()
    {
        var blobs = await Open();
        await blobs.Put("a/b/c.json", new byte[1], Cancellation);
        await blobs.Put("a/d.json", new byte[1], Cancellation);

        await blobs.Delete("a/b/c.json", Cancellation);

        Assert.Null(await blobs.Read("a/b/c.json", Cancellation));
        Assert.True(await blobs.Exists("a/d.json", Cancellation));
        Assert.True(await blobs.PutIfAbsent("a/b/c.json", new byte[2], Cancellation));
    }

    [Fact]
    public async Task A_cancelled_put_leaves_nothing()
    {
        var blobs = await Open();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => blobs.PutIfAbsent("a", new byte[10], new CancellationToken(canceled: true)));

        Assert.Empty(await List(blobs, ""));
    }

    [Fact]
    public async Task An_empty_blob_is_a_blob()
    {
        var blobs = await Open();

        await blobs.Put("empty", ReadOnlyMemory<byte>.Empty, Cancellation);
        await blobs.Write("written", (_, _) => Task.CompletedTask, Cancellation);

        Assert.Empty((await blobs.Read("empty", Cancellation))!);
        Assert.Empty((await blobs.Read("written", Cancellation))!);
        await using var stream = await blobs.Open("written", Cancellation);
        Assert.Equal(0, stream!.Length);
        Assert.Equal(0, await stream.ReadAsync(new byte[10], Cancellation));
    }

    [Theory]
    [InlineData(17)]
    [InlineData(8 * 1024 * 1024)]
    [InlineData(20_000_060)]
    public async Task What_is_written_in_pieces_is_read_from_any_place(int length)
    {
        var blobs = await Open();
        var bytes = RandomNumberGenerator.GetBytes(length);

        await blobs.Write("big/00000.tar", (stream, cancellation) => WriteInPieces(stream, bytes, cancellation), Cancellation);

        await using var stream = await blobs.Open("big/00000.tar", Cancellation);
        Assert.Equal(length, stream!.Length);
        var at = length * 17 / 20;
        stream.Position = at;
        var part = new byte[length / 10];
        await stream.ReadExactlyAsync(part, Cancellation);
        Assert.True(part.AsSpan().SequenceEqual(bytes.AsSpan(at, part.Length)));
        stream.Seek(0, SeekOrigin.Begin);
        Assert.Equal(SHA256.HashData(bytes), await SHA256.HashDataAsync(stream, Cancellation));
        Assert.Equal(SHA256.HashData(bytes), SHA256.HashData((await blobs.Read("big/00000.tar", Cancellation))!));
    }

    [Fact]
    public async Task A_writer_that_fails_leaves_what_was_there()
    {
        var blobs = await Open();
        await blobs.Put("kept", new byte[] { 1, 2, 3 }, Cancellation);

        await Assert.ThrowsAsync<InvalidDataException>(() => blobs.Write("kept", Fail, Cancellation));
        await Assert.ThrowsAsync<InvalidDataException>(() => blobs.Write("absent", Fail, Cancellation));

        Assert.Equal([1, 2, 3], await blobs.Read("kept", Cancellation));
        Assert.Null(await blobs.Open("absent", Cancellation));
    }

    [Theory]
    [InlineData("../a")]
    [InlineData("a//b")]
    [InlineData("")]
    public async Task A_name_that_is_not_allowed_is_refused(string name)
    {
        var blobs = await Open();

        await Assert.ThrowsAsync<SanaException>(() => blobs.PutIfAbsent(name, new byte[1], Cancellation));
        await Assert.ThrowsAsync<SanaException>(() => blobs.Read(name, Cancellation));
    }

    /// <summary>A new, empty place.</summary>
    private protected abstract Task<IBlobs> Open();

    private static async Task Fail(Stream stream, CancellationToken cancellationToken)
    {
        await stream.WriteAsync(new byte[9_000_000], cancellationToken);
        throw new InvalidDataException();
    }

    private static async Task WriteInPieces(Stream stream, byte[] bytes, CancellationToken cancellationToken)
    {
        foreach (var piece in bytes.Chunk(Math.Max(bytes.Length / Pieces, 1)))
            await stream.WriteAsync(piece, cancellationToken);
    }

    private static async Task<List<BlobEntry>> List(IBlobs blobs, string prefix)
    {
        List<BlobEntry> all = [];
        await foreach (var blob in blobs.List(prefix, Cancellation))
            all.Add(blob);
        return all;
    }
}

/// <summary>A folder.</summary>
public sealed class FolderStoreTests : BlobStoreTests, IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private protected override Task<IBlobs> Open() => BlobPlace.Parse(_folder.File("blobs")).Open(default);
}

/// <summary>A container of Azurite.</summary>
[Collection("azurite")]
public sealed class AzureStoreTests(AzuriteFixture azurite) : BlobStoreTests
{
    private protected override Task<IBlobs> Open() => BlobPlace.Parse($"{azurite.Connection};Container=store-{Guid.NewGuid():N}/some/prefix").Open(default);
}

/// <summary>A bucket of Ceph.</summary>
[Collection("buckets")]
public sealed class S3StoreTests(BucketsFixture buckets) : BlobStoreTests
{
    private protected override async Task<IBlobs> Open() => await BlobPlace.Parse(await buckets.NewS3("/some/prefix")).Open(default);
}

/// <summary>A bucket of the tests' own server of Google's protocol.</summary>
[Collection("buckets")]
public sealed class GoogleStoreTests(BucketsFixture buckets) : BlobStoreTests
{
    private protected override async Task<IBlobs> Open() => await BlobPlace.Parse(await buckets.NewGoogle("/some/prefix")).Open(default);
}
