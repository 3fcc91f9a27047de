using System.Globalization;
using System.Security.Cryptography;
using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Sana.Storage.Blobs;
using Sana.Storage.Hub;
using Sana.Tests.Support;

namespace Sana.Benchmarks;

/// <summary>
/// Compares downloads from a Hub on loopback with a plain parallel <see cref="HttpClient"/>, and blobs on Azurite with the plain library of Azure. The servers work on the same cores.
/// </summary>
internal static class TransferBenchmark
{
    private const int Files = 6;
    private const int FileBytes = 64 * 1024 * 1024;
    private const int Blobs = 48;
    private const int AtOnce = 8;
    private const int BufferBytes = 1 << 20;

    private static readonly ParallelOptions _parallel = new() { MaxDegreeOfParallelism = AtOnce };

    public static void Run(int rounds)
    {
        Downloads(rounds).GetAwaiter().GetResult();
        Containers(rounds).GetAwaiter().GetResult();
    }

    private static async Task Downloads(int rounds)
    {
        using var folder = new TempFolder();
        var files = Enumerable.Range(0, Files).ToDictionary(i => $"part/{i}.safetensors", i => RandomNumberGenerator.GetBytes(FileBytes));
        await using var server = await HubServer.Start("owner/name", files);
        var settings = new HubSettings { Endpoint = server.Endpoint, Cache = folder.File("cache"), Parallel = AtOnce };
        using var http = new HttpClient();
        var race = Race.Run(rounds,
        [
            () => Wait(Plain(http, server, folder.File("plain"), isHashed: false)),
            () => Wait(Plain(http, server, folder.File("plain"), isHashed: true)),
            () => Wait(Ours(settings)),
        ]);
        var bytes = (double)Files * FileBytes;
        Markdown.Text(string.Create(CultureInfo.InvariantCulture, $"{Files} files of {FileBytes >> 20} MB from a Hub on loopback to the disk, {AtOnce} at once at most. Ours asks for lengths and hashes first, compares SHA-256, and has the disk keep each file before it gets its name."));
        Markdown.Table(["way", "MB a second", "time / plain", "time / plain with SHA-256 and flush"],
        [
            ["plain HttpClient", PerSecond(race, 0, bytes), "1", $"{race.Ratio(0, 1)}"],
            ["plain, with SHA-256 and flush", PerSecond(race, 1, bytes), $"{race.Ratio(1, 0)}", "1"],
            ["sana fetch's client", PerSecond(race, 2, bytes), $"{race.Ratio(2, 0)}", $"{race.Ratio(2, 1)}"],
        ]);
    }

    private static async Task Containers(int rounds)
    {
        await using var azurite = await Azurite.Start();
        var container = new BlobContainerClient(azurite.Connection, "plain", new BlobClientOptions(BlobClientOptions.ServiceVersion.V2025_11_05));
        await container.CreateIfNotExistsAsync();
        var ours = await BlobPlace.Parse($"{azurite.Connection};Container=ours").Open(default);
        var (one, large, run) = (RandomNumberGenerator.GetBytes(BufferBytes), RandomNumberGenerator.GetBytes(FileBytes), 0);
        var put = Race.Run(rounds,
        [
            () => Wait(All(i => container.GetBlobClient($"{run}/{i}").UploadAsync(BinaryData.FromBytes(one), new BlobUploadOptions { Conditions = new BlobRequestConditions { IfNoneMatch = ETag.All } }))),
            () => Wait(All(i => ours.PutIfAbsent($"{run}/{i}", one, default), () => run++)),
        ]);
        var read = Race.Run(rounds,
        [
            () => Wait(All(async i => (await container.GetBlobClient($"0/{i}").DownloadContentAsync()).Value.Content.ToArray())),
            () => Wait(All(i => ours.Read($"0/{i}", default))),
        ]);
        var write = Race.Run(rounds,
        [
            () => Wait(container.GetBlobClient("large").UploadAsync(new MemoryStream(large), overwrite: true)),
            () => Wait(Send(container, large)),
            () => Wait(ours.Write("large", (stream, token) => new MemoryStream(large).CopyToAsync(stream, BufferBytes, token), default)),
        ]);
        var open = Race.Run(rounds,
        [
            () => Wait(Drain(() => container.GetBlobClient("large").OpenReadAsync(new BlobOpenReadOptions(allowModifications: false)))),
            () => Wait(Drain(async () => (await ours.Open("large", default))!)),
        ]);
        Markdown.Text(string.Create(CultureInfo.InvariantCulture, $"Blobs on Azurite: {Blobs} of 1 MB, {AtOnce} at once, and one of {FileBytes >> 20} MB. Ours sends Content-MD5 with each."));
        Markdown.Table(["what", "plain, MB a second", "ours, MB a second", "time ours / plain"],
        [
            Row("write if absent", put, (double)Blobs * BufferBytes), Row("read", read, (double)Blobs * BufferBytes),
            Row("write a stream, plain in one request", write, FileBytes, plain: 0, ours: 2), Row("write a stream, plain in blocks", write, FileBytes, plain: 1, ours: 2),
            Row("read a stream", open, FileBytes),
        ]);
    }

    private static string[] Row(string what, Race race, double bytes, int plain = 0, int ours = 1) =>
        [what, PerSecond(race, plain, bytes), PerSecond(race, ours, bytes), $"{race.Ratio(ours, plain)}"];

    private static string PerSecond(Race race, int entrant, double bytes) => (bytes / 1e6 / race.Seconds(entrant)).ToString("0", CultureInfo.InvariantCulture);

    private static async Task Ours(HubSettings settings)
    {
        if (Directory.Exists(settings.Cache))
            Directory.Delete(settings.Cache, recursive: true);
        await HubRepository.Fetch(new HubId("owner/name"), (names, _) => names, settings, progress: null, default);
    }

    private static async Task Plain(HttpClient http, HubServer server, string folder, bool isHashed)
    {
        if (Directory.Exists(folder))
            Directory.Delete(folder, recursive: true);
        Directory.CreateDirectory(folder);
        await Parallel.ForEachAsync(server.Files, _parallel, async (file, token) =>
        {
            using var response = await http.GetAsync(new Uri(server.Endpoint, $"owner/name/resolve/main/{file.Key}"), HttpCompletionOption.ResponseHeadersRead, token);
            await using var body = await response.EnsureSuccessStatusCode().Content.ReadAsStreamAsync(token);
            await using var copy = new FileStream(Path.Combine(folder, Path.GetFileName(file.Key)), FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0, FileOptions.Asynchronous);
            if (!isHashed)
            {
                await body.CopyToAsync(copy, BufferBytes, token);
                return;
            }

            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            var buffer = new byte[BufferBytes];
            while (await body.ReadAsync(buffer, token) is > 0 and var read)
            {
                hash.AppendData(buffer, 0, read);
                await copy.WriteAsync(buffer.AsMemory(0, read), token);
            }

            copy.Flush(flushToDisk: true);
            if (Convert.ToHexStringLower(hash.GetHashAndReset()) != HubServer.HashOf(file.Key, file.Value))
                throw new InvalidOperationException("Other bytes came.");
        });
    }

    private static async Task Send(BlobContainerClient container, byte[] bytes)
    {
        await using var stream = await container.GetBlobClient("large").OpenWriteAsync(overwrite: true);
        await new MemoryStream(bytes).CopyToAsync(stream, BufferBytes);
    }

    private static async Task All(Func<int, Task> work, Action? after = null)
    {
        await Parallel.ForEachAsync(Enumerable.Range(0, Blobs), _parallel, async (i, _) => await work(i));
        after?.Invoke();
    }

    private static async Task Drain(Func<Task<Stream>> open)
    {
        await using var stream = await open();
        await stream.CopyToAsync(Stream.Null, BufferBytes);
    }

    private static void Wait(Task task) => task.GetAwaiter().GetResult();
}
