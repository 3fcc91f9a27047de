using System.Diagnostics;
using Sana.Inference.Imaging;
using Sana.Jobs.Curation;
using Sana.Storage.Blobs;
using Sana.Storage.Hub;
using Sana.Tests.Blobs;
using Sana.Tests.Queue;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Workflows;

/// <summary>A dataset is pushed from wherever it lies.</summary>
[Collection("azurite")]
public sealed class DatasetPushTests(AzuriteFixture azurite, BucketsFixture buckets) : IDisposable
{
    private readonly TempFolder _folder = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task From_every_store_the_same_files_come()
    {
        await Curate();
        var curated = FileBlobs.Open(_folder.File("blobs"));
        var expected = HubServer.FilesOf(_folder.File("blobs/datasets/noise/v1"));
        string[] places = [_folder.File("blobs"), $"{azurite.Connection};Container=push-{Guid.NewGuid():N}", await buckets.NewS3("/some/prefix"), await buckets.NewGoogle("/some/prefix")];
        foreach (var place in places)
        {
            var blobs = await BlobPlace.Parse(place).Open(Cancellation);
            await foreach (var blob in curated.List("datasets/", Cancellation))
                await blobs.PutIfAbsent(blob.Name, (await curated.Read(blob.Name, Cancellation))!, Cancellation);
            await using var server = await HubServer.Start("datasets/other/one", new Dictionary<string, byte[]>());
            Assert.True(HubId.TryParseTarget("hf:owner/noise", out var id));
            var settings = new HubSettings { Endpoint = server.Endpoint, Cache = _folder.File("cache"), Token = "hf_secret", TokenPlace = "HF_TOKEN" };

            var made = await DatasetPush.Run("noise", null, place, id, isPrivate: false, message: null, settings, progress: null, Cancellation);

            var found = server.FilesOfRepository("datasets/owner/noise").Where(file => file.Key != ".gitattributes").ToDictionary();
            Assert.Equal(
                ["README.md", .. from shard in new[] { "00000", "00001" } from ending in new[] { ".parquet", ".tar" } select $"shards/{shard}{ending}", "shards/wids-meta.json"],
                found.Keys.Where(name => !name.Contains('_', StringComparison.Ordinal)).Order(StringComparer.Ordinal));
            Assert.All(found, file => Assert.True(expected[file.Key].AsSpan().SequenceEqual(file.Value), file.Key));
            Assert.Equal(("noise", "v1", found.Count, (long)found.Count), (made.Dataset, made.Version, made.Push.Files, made.Push.Sent));
            Assert.Equal(["noise v1"], server.Commits);
        }
    }

    private async Task Curate()
    {
        Directory.CreateDirectory(_folder.File("source"));
        for (var i = 0; i < 6; i++)
        {
            var pixels = new byte[3 * 64 * 64];
            new Random(i).NextBytes(pixels);
            await File.WriteAllBytesAsync(_folder.File($"source/{i}.png"), ImageCodec.Encode(new RgbImage(64, 64, pixels), ImageFormat.Png), Cancellation);
            await File.WriteAllTextAsync(_folder.File($"source/{i}.txt"), $"noise number {i}", Cancellation);
        }

        string[] arguments = ["curate", _folder.File("source"), "--dataset", "noise", "--items", "3", "--similar", "-1", "--data", _folder.File("data"), "--out", _folder.File("blobs")];
        using var process = Process.Start(new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "sana.dll"), .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(Cancellation), process.StandardError.ReadToEndAsync(Cancellation));
        await process.WaitForExitAsync(Cancellation);
        Assert.True(process.ExitCode == 0, await output + await error);
    }
}
