using System.Security.Cryptography;
using Azure.Storage.Blobs.Models;
using Sana.Acceptance.Support;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Acceptance.Generate;

public sealed class BothPlacesTests(SmallCheckpoint checkpoint, Azurite azurite) : IClassFixture<Azurite>, IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Folder_and_container_hold_the_same_tree_and_the_same_bytes()
    {
        var container = $"{azurite.ConnectionString};Container=same-tree";
        await File.WriteAllTextAsync(_folder.File("prompts.jsonl"), GenerateJobs.Prompts);

        var local = await SanaProgram.Run(GenerateJobs.Arguments(checkpoint.Path, _folder.File("prompts.jsonl"), _folder.File("out")));
        var remote = await SanaProgram.Run(GenerateJobs.Arguments(checkpoint.Path, _folder.File("prompts.jsonl"), container));
        var again = await SanaProgram.Run(GenerateJobs.Arguments(checkpoint.Path, _folder.File("prompts.jsonl"), container, "--json"));

        var blobs = await Download("same-tree");
        Assert.True((local.ExitCode, remote.ExitCode, again.ExitCode) == (3, 3, 3), local.Error + remote.Error + again.Error);
        Assert.Equal(Tree.Names(_folder.File("out")), blobs.Select(blob => blob.Name));
        Assert.Equal(Runs(Tree.Of(_folder.File("out"))), Runs(blobs.Select(blob => Tree.Line(blob.Name, blob.Bytes))));
        Assert.Contains("\"made\":0,\"skipped\":5", again.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Blobs_carry_their_content_type_and_md5()
    {
        var container = $"{azurite.ConnectionString};Container=headers";
        var run = await SanaProgram.Run("generate", "-c", checkpoint.Path, "-p", "a cat", "--width", "64", "--height", "64", "--steps", "1", "--format", "jpeg", "-o", container);

        var blobs = await Download("headers");
        Assert.True(run.ExitCode == 0, run.Error);
        Assert.All(blobs, blob => Assert.Equal(ContentMd5(blob.Bytes), blob.Properties.ContentHash));
        Assert.Equal(
            ["application/json", "application/json", "application/json", "application/jsonl", "image/jpeg"],
            blobs.Where(blob => blob.Name.StartsWith("runs/", StringComparison.Ordinal)).Select(blob => blob.Properties.ContentType).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_signed_address_with_a_prefix_works_and_its_signature_is_not_printed()
    {
        var client = azurite.Container("signed");
        await client.CreateAsync();
        var address = client.GenerateSasUri(Azure.Storage.Sas.BlobContainerSasPermissions.All, DateTimeOffset.UtcNow.AddHours(1));
        var place = new UriBuilder(address) { Path = address.AbsolutePath + "/team/a" }.Uri.AbsoluteUri;

        var run = await SanaProgram.Run("generate", "-c", checkpoint.Path, "-p", "a cat", "--width", "64", "--height", "64", "--steps", "1", "-o", place, "--json");

        var blobs = await Download("signed");
        Assert.True(run.ExitCode == 0, run.Error);
        Assert.All(blobs, blob => Assert.StartsWith("team/a/", blob.Name, StringComparison.Ordinal));
        Assert.DoesNotContain("sig=", run.Output + run.Error, StringComparison.Ordinal);
    }

    // The header is defined as MD5.
#pragma warning disable CA5351
    private static byte[] ContentMd5(byte[] bytes) => MD5.HashData(bytes);
#pragma warning restore CA5351

    private static string[] Runs(IEnumerable<string> lines) => [.. lines.Where(line => line.StartsWith("runs/", StringComparison.Ordinal))];

    private async Task<List<(string Name, byte[] Bytes, BlobProperties Properties)>> Download(string container)
    {
        List<(string Name, byte[] Bytes, BlobProperties Properties)> blobs = [];
        var client = azurite.Container(container);
        await foreach (var item in client.GetBlobsAsync())
        {
            var blob = client.GetBlobClient(item.Name);
            BlobDownloadResult content = await blob.DownloadContentAsync();
            blobs.Add((item.Name, content.Content.ToArray(), await blob.GetPropertiesAsync()));
        }

        return [.. blobs.OrderBy(blob => blob.Name, StringComparer.Ordinal)];
    }
}
