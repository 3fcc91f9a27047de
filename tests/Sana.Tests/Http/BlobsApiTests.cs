using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Sana.Jobs.Http;
using Sana.Storage.Blobs;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Http;

public sealed class BlobsApiTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly FileBlobs _blobs;
    private readonly BlobsApi _api;

    public BlobsApiTests()
    {
        _blobs = FileBlobs.Open(_folder.Path);
        _api = new BlobsApi(new ApiParts { Workflows = null!, Queue = null!, Blobs = new UnlistedBlobs(_blobs), Links = new SignedLinks(new byte[32], TimeProvider.System) });
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_blob_is_read_by_its_name()
    {
        await _blobs.PutIfAbsent("jobs/a/0.png", new byte[5], TestContext.Current.CancellationToken);

        Assert.Equal(5, Assert.IsType<FileContentHttpResult>(await _api.Get(Request(), "jobs/a/0.png")).FileContents.Length);
    }

    /// <summary>Also where many names start alike, and where the name is a folder's, one below a blob, or longer than a path may be.</summary>
    [Theory]
    [InlineData("jobs/b")]
    [InlineData("jobs/a")]
    [InlineData("jobs/a/1.png")]
    [InlineData("jobs/a/0.png/x")]
    [InlineData("results/a.json")]
    public async Task A_name_without_a_blob_is_not_found_and_nothing_is_listed(string name)
    {
        await _blobs.PutIfAbsent("jobs/a/0.png", new byte[5], TestContext.Current.CancellationToken);

        Assert.Equal(404, Status(await _api.Get(Request(), name)));
    }

    [Fact]
    public async Task A_name_of_a_thousand_characters_is_not_found() =>
        Assert.Equal(404, Status(await _api.Get(Request(), $"jobs/{string.Join('/', Enumerable.Repeat(new string('a', 255), 3))}/{new string('a', 250)}")));

    [Fact]
    public async Task A_blob_that_is_too_big_is_not_read()
    {
        await _blobs.PutIfAbsent("runs/a/big.tar", new byte[(32 << 20) + 1], TestContext.Current.CancellationToken);

        Assert.Equal(413, Status(await _api.Get(Request(), "runs/a/big.tar")));
    }

    private static HttpRequest Request() => new DefaultHttpContext().Request;

    private static int? Status(IResult result) => Assert.IsAssignableFrom<IStatusCodeHttpResult>(result).StatusCode;

    /// <summary>Blobs of which a listing would take minutes.</summary>
    private sealed class UnlistedBlobs(IBlobs inner) : IBlobs
    {
        public string Place => inner.Place;

        public Task<bool> PutIfAbsent(string name, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) => inner.PutIfAbsent(name, bytes, cancellationToken);

        public Task Put(string name, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) => inner.Put(name, bytes, cancellationToken);

        public Task Write(string name, Func<Stream, CancellationToken, Task> write, CancellationToken cancellationToken) => inner.Write(name, write, cancellationToken);

        public Task<byte[]?> Read(string name, CancellationToken cancellationToken) => inner.Read(name, cancellationToken);

        public Task<Stream?> Open(string name, CancellationToken cancellationToken) => inner.Open(name, cancellationToken);

        public Task<bool> Exists(string name, CancellationToken cancellationToken) => inner.Exists(name, cancellationToken);

        public Task Delete(string name, CancellationToken cancellationToken) => inner.Delete(name, cancellationToken);

        public async IAsyncEnumerable<BlobEntry> List(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
        {
            await Task.CompletedTask;
            Assert.Fail($"{prefix} was listed.");
            yield break;
        }
    }
}
