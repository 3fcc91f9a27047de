using System.Security.Cryptography;
using Sana.Storage.Blobs;
using Sana.Tests.Queue;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Blobs;

/// <summary>Blobs too big for memory, in both places.</summary>
[Collection("azurite")]
public sealed class BigBlobsTests(AzuriteFixture azurite) : IDisposable
{
    private const int Pieces = 20;

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_is_written_in_pieces_is_read_from_any_place(bool isFolder)
    {
        var blobs = await Open(isFolder);
        var bytes = RandomNumberGenerator.GetBytes(Pieces * 1_000_003);

        await blobs.Write("big/00000.tar", (stream, cancellation) => WriteInPieces(stream, bytes, cancellation), default);

        await using var stream = await blobs.Open("big/00000.tar", default);
        stream!.Position = 17_000_000;
        var part = new byte[2_000_000];
        await stream.ReadExactlyAsync(part);
        Assert.True(part.AsSpan().SequenceEqual(bytes.AsSpan(17_000_000, part.Length)));
        Assert.Equal(bytes.Length, stream.Length);
        Assert.Equal(SHA256.HashData(bytes), SHA256.HashData((await blobs.Read("big/00000.tar", default))!));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_writer_that_fails_leaves_what_was_there(bool isFolder)
    {
        var blobs = await Open(isFolder);
        await blobs.Put("kept", new byte[] { 1, 2, 3 }, default);

        await Assert.ThrowsAsync<InvalidDataException>(() => blobs.Write("kept", Fail, default));

        Assert.Equal([1, 2, 3], await blobs.Read("kept", default));
        Assert.Null(await blobs.Open("absent", default));
    }

    private static async Task Fail(Stream stream, CancellationToken cancellationToken)
    {
        await stream.WriteAsync(new byte[9_000_000], cancellationToken);
        throw new InvalidDataException();
    }

    private static async Task WriteInPieces(Stream stream, byte[] bytes, CancellationToken cancellationToken)
    {
        foreach (var piece in bytes.Chunk(bytes.Length / Pieces))
            await stream.WriteAsync(piece, cancellationToken);
    }

    private async Task<IBlobs> Open(bool isFolder) =>
        await BlobPlace.Parse(isFolder ? _folder.File("blobs") : $"{azurite.Connection};Container=big-{Guid.NewGuid():N}").Open(default);
}
