using Sana.Storage.Blobs;
using Sana.Tests.Queue;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Blobs;

[Collection("azurite")]
public sealed class BlobPlaceTests(AzuriteFixture azurite)
{
    // Any 64 bytes are a well-formed key.
    private const string Key = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldC1zZWNyZXQtc2U=";

    [Theory]
    [InlineData("azurite")]
    [InlineData("azurite:my-images")]
    [InlineData("azurite:my-images/some/prefix/")]
    [InlineData("UseDevelopmentStorage=true")]
    [InlineData("UseDevelopmentStorage=true;Container=my-images")]
    [InlineData("UseDevelopmentStorage=true;Container=my-images/some/prefix")]
    [InlineData("DefaultEndpointsProtocol=https;AccountName=a;AccountKey=" + Key + ";EndpointSuffix=core.windows.net")]
    [InlineData("https://account.blob.core.windows.net/images")]
    [InlineData("https://account.blob.core.windows.net/images/some/prefix/")]
    [InlineData("https://account.blob.core.windows.net/images?sv=2024-11-04&sr=c&sp=racwl&sig=abc")]
    [InlineData("some/folder")]
    [InlineData("some=folder")]
    public void Known_forms_are_read(string text) => Assert.NotNull(BlobPlace.Parse(text));

    [Theory]
    [InlineData("")]
    [InlineData("  ")]
    [InlineData("a\0b")]
    [InlineData("azurite:")]
    [InlineData("azurite:A")]
    [InlineData("azurite:my-images/../x")]
    [InlineData("azurite:a--b")]
    [InlineData("ftp://host/images")]
    [InlineData("https://account.blob.core.windows.net")]
    [InlineData("https://account.blob.core.windows.net/images/../x/Y")]
    [InlineData("http://account.blob.core.windows.net/images")]
    [InlineData("https://user:pass@account.blob.core.windows.net/images")]
    [InlineData("hf:owner/name")]
    [InlineData("hf:datasets/owner/name")]
    [InlineData("AccountName=a")]
    [InlineData("AccountName=a;AccountKey=not base64")]
    [InlineData("UseDevelopmentStorage=true;Container=Bad_Name")]
    public void Others_are_refused(string text) => Assert.Throws<SanaException>(() => BlobPlace.Parse(text));

    [Theory]
    [InlineData("DefaultEndpointsProtocol=https;AccountKey=" + Key)]
    [InlineData("AccountName=a;AccountKey=" + Key + "!;EndpointSuffix=core.windows.net")]
    [InlineData("AccountName=a;;=;AccountKey=" + Key)]
    public void A_refusal_keeps_the_secret(string text)
    {
        var error = Assert.Throws<SanaException>(() => BlobPlace.Parse(text));

        Assert.DoesNotContain("c2VjcmV0", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nobody_at_the_emulators_port_is_said_with_the_fix()
    {
        // Port 9 is discard: nothing listens there.
        var place = BlobPlace.Parse($"DefaultEndpointsProtocol=http;AccountName=a;AccountKey={Key};BlobEndpoint=http://127.0.0.1:9/a");

        var error = await Assert.ThrowsAsync<SanaException>(() => place.Open(CancellationToken.None));

        Assert.Contains("npx azurite", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("c2VjcmV0", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "some/prefix/")]
    [InlineData("/outer", "outer/some/prefix/")]
    public async Task A_folder_of_a_container_is_a_place(string prefix, string there)
    {
        var container = $"place-{Guid.NewGuid():N}";
        var place = BlobPlace.Parse($"{azurite.Connection};Container={container}{prefix}");

        await (await place.Below("some").Below("prefix").Open(default)).Put("a.txt", "a"u8.ToArray(), default);

        var whole = await BlobPlace.Parse($"{azurite.Connection};Container={container}").Open(default);
        Assert.Equal("a"u8.ToArray(), await whole.Read(there + "a.txt", default));
    }

    [Fact]
    public async Task A_folder_of_a_folder_is_a_place()
    {
        using var folder = new TempFolder();

        await (await BlobPlace.Parse(folder.Path).Below("some").Open(default)).Put("a.txt", "a"u8.ToArray(), default);

        Assert.True(File.Exists(folder.File("some/a.txt")));
        Assert.Throws<SanaException>(() => BlobPlace.Parse(folder.Path).Below("../other"));
    }

    [Fact]
    public async Task A_folder_is_made()
    {
        using var folder = new TempFolder();

        var blobs = await BlobPlace.Parse(folder.File("new/place")).Open(CancellationToken.None);

        Assert.Contains("new/place", blobs.Place, StringComparison.Ordinal);
        Assert.True(Directory.Exists(folder.File("new/place")));
    }
}
