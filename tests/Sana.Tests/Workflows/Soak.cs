using System.Diagnostics;
using System.Formats.Tar;
using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.Data.Sqlite;
using Sana.Inference.Imaging;
using Sana.Jobs.Queue;
using Sana.Local.Queue;
using Sana.Storage.Blobs;
using Sana.Tests.Blobs;
using Sana.Tests.Queue;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Workflows;

/// <summary>
/// The program itself with a real checkpoint, killed by SIGKILL at random instants of both workflows, over all stores and both queues. What it ends with is compared with
/// uninterrupted runs. <c>SANA_SOAK_KILLS</c> says how many kills in all; tests/soak.sh sets it.
/// </summary>
[Collection("azurite")]
public sealed class Soak(AzuriteFixture azurite, BucketsFixture buckets) : IDisposable
{
    private static readonly int _kills = int.Parse(Environment.GetEnvironmentVariable("SANA_SOAK_KILLS") ?? "4", CultureInfo.InvariantCulture);

    private readonly TempFolder _folder = new();
    private readonly string _name = $"soak-{Guid.NewGuid():N}";
    private string _source = "";
    private Uri? _hub;
    private int _runs;
    private int _datasets;

    public void Dispose() => _folder.Dispose();

    [Theory]
    [Trait("Category", "Soak")]
    [InlineData("folder", "sqlite", "hf")]
    [InlineData("folder", "azurite", "folder")]
    [InlineData("azurite", "sqlite", "folder")]
    [InlineData("azurite", "azurite", "folder")]
    [InlineData("s3", "sqlite", "s3")]
    [InlineData("gs", "sqlite", "gs")]
    public async Task Killed_at_any_instant_it_ends_with_the_same_bytes(string store, string queue, string source)
    {
        var place = store switch
        {
            "folder" => _folder.File("blobs"),
            "s3" => await buckets.NewS3("/some/prefix"),
            "gs" => await buckets.NewGoogle("/some/prefix"),
            _ => $"{azurite.Connection};Container={_name}",
        };
        var road = queue == "sqlite" ? "sqlite" : $"{azurite.Connection};Queue={_name}";
        Prepare();
        await using var hub = source == "hf" ? await HubServer.Start("datasets/owner/noise", Tars()) : null;
        (_hub, _source) = (hub?.Endpoint, await Source(source));
        // Kills are spread over a whole life of the process, however long that is on this machine.
        var begin = TimeProvider.System.GetTimestamp();
        Assert.Equal(0, await Finish(Expected(0)));
        var life = TimeProvider.System.GetElapsedTime(begin);
        var random = new Random(store.Length + (10 * queue.Length));

        var kills = 0;
        while (kills < (_kills + 3) / 4)
            kills += await RunAndKill(random.Next(2) == 0, life * random.NextDouble() * 1.2, place, road) ? 1 : 0;
        Assert.Equal(0, await Finish(Generate(place, road)));
        Assert.Equal(0, await Finish(Curate(place, road)));

        await Uninterrupted();
        var blobs = await BlobPlace.Parse(place).Open(default);
        var expected = FileBlobs.Open(_folder.File("expected"));
        Assert.Equal(await Tree.Of(expected, "runs/"), await Tree.Of(blobs, "runs/"));
        Assert.Equal(await Datasets(expected), await Datasets(blobs));
        await NothingIsLeft(blobs, road);
        JournalIsWhole();
        var deaths = await Deaths(blobs);
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"{source} to {store}, {queue}: {kills} kills, {_runs + 1} runs of 40 images, {_datasets + 1} datasets; 0 lost, 0 doubled, 0 buried; processes died under {deaths.Count} batches, at most {deaths.DefaultIfEmpty().Max()} under one.");
    }

    /// <summary>How many processes died under each batch under which one died.</summary>
    private static async Task<List<int>> Deaths(IBlobs blobs)
    {
        var deaths = new List<int>();
        await foreach (var blob in blobs.List("work/attempts/", TestContext.Current.CancellationToken))
        {
            var attempts = JsonNode.Parse(await blobs.Read(blob.Name, TestContext.Current.CancellationToken))!["attempts"]!.AsArray();
            if (attempts.Count(attempt => attempt!["ended"] is null) is var died and > 0)
                deaths.Add(died);
        }

        return deaths;
    }

    /// <summary>Every file of the datasets but their reports, which quote the clock.</summary>
    private static async Task<string> Datasets(IBlobs blobs) =>
        string.Join('\n', (await Tree.Of(blobs, "datasets/")).Split('\n').Where(line => !line.Contains("/report.html", StringComparison.Ordinal)));

    private void Prepare()
    {
        var checkpoint = Path.Combine(Fixtures.Sana, "checkpoints", "sana");
        foreach (var file in Directory.EnumerateFiles(checkpoint, "*", SearchOption.AllDirectories))
        {
            var copy = _folder.File(Path.Combine("checkpoint", Path.GetRelativePath(checkpoint, file)));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }

        File.WriteAllLines(_folder.File("prompts.txt"), Enumerable.Range(0, 20).Select(i => $"prompt number {i}"));
        Directory.CreateDirectory(_folder.File("source"));
        for (var i = 0; i < 60; i++)
        {
            var pixels = new byte[3 * 64 * 64];
            new Random(i).NextBytes(pixels);
            File.WriteAllBytes(_folder.File($"source/{i}.png"), i % 9 == 8 ? [] : ImageCodec.Encode(new RgbImage(64, 64, pixels), ImageFormat.Png));
            File.WriteAllText(_folder.File($"source/{i}.txt"), $"noise number {i}");
        }
    }

    /// <summary>The files of the source in the place that is named.</summary>
    private async Task<string> Source(string kind)
    {
        var place = kind switch
        {
            "folder" => _folder.File("source"),
            "s3" => await buckets.NewS3("/photos"),
            "gs" => await buckets.NewGoogle("/photos"),
            _ => "hf:datasets/owner/noise",
        };
        if (kind is "folder" or "hf")
            return place;
        var blobs = await BlobPlace.Parse(place).Open(TestContext.Current.CancellationToken);
        foreach (var file in Directory.EnumerateFiles(_folder.File("source")))
            await blobs.PutIfAbsent(Path.GetFileName(file), await File.ReadAllBytesAsync(file), TestContext.Current.CancellationToken);
        return place;
    }

    /// <summary>The same in four tars.</summary>
    private Dictionary<string, byte[]> Tars() => Directory.EnumerateFiles(_folder.File("source")).Order(StringComparer.Ordinal)
        .Chunk(30).Select((files, i) =>
        {
            using var tar = new MemoryStream();
            using (var writer = new TarWriter(tar, leaveOpen: true))
            {
                foreach (var file in files)
                    writer.WriteEntry(file, Path.GetFileName(file));
            }

            return ($"data/{i}.tar", tar.ToArray());
        }).ToDictionary(file => file.Item1, file => file.Item2);

    /// <summary>True when it was alive; one that had come to its end begins a new run.</summary>
    private async Task<bool> RunAndKill(bool generate, TimeSpan after, string place, string road)
    {
        using var process = Start(generate ? Generate(place, road) : Curate(place, road));
        try
        {
            await process.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(after, TestContext.Current.CancellationToken);
        }
        catch (TimeoutException)
        {
            process.Kill();
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
            return true;
        }

        Assert.Equal(generate ? 0 : 3, process.ExitCode);
        _ = generate ? _runs++ : _datasets++;
        return false;
    }

    private async Task<int> Finish(string[] arguments)
    {
        using var process = Start(arguments);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(TimeSpan.FromMinutes(3), TestContext.Current.CancellationToken);
        // Every ninth file of the source is empty: some failed.
        return arguments[0] == "curate" && process.ExitCode == 3 ? 0 : process.ExitCode;
    }

    private string[] Generate(string place, string road) =>
    [
        "generate", .. Host(place, road), "--checkpoint", _folder.File("checkpoint"), .. What(_runs), "--in-flight", "6",
    ];

    private string[] Curate(string place, string road) =>
    [
        "curate", _source, "--dataset", "soak", "--dataset-version", $"v{_datasets}", "--items", "4", .. Host(place, road), "--in-flight", "3",
    ];

    private string[] Host(string place, string road) => ["--data", _folder.File("data"), "--out", place, "--queue", road, "--json"];

    private string[] What(int run) =>
        ["--prompts", _folder.File("prompts.txt"), "--width", "64", "--height", "64", "--steps", "20", "--no-binning", "--images", "2", "--batch", "2", "--run", $"soak-{run}", "--seed", $"{run}"];

    private string[] Expected(int run) => ["generate", "--checkpoint", _folder.File("checkpoint"), .. What(run), "--out", _folder.File("expected"), "--json"];

    private async Task Uninterrupted()
    {
        for (var run = 0; run <= _runs; run++)
            Assert.Equal(0, await Finish(Expected(run)));
        var datasets = _datasets;
        for (_datasets = 0; _datasets <= datasets; _datasets++)
            Assert.Equal(0, await Finish([.. Curate(_folder.File("expected"), "sqlite").Select(word => word == _folder.File("data") ? _folder.File("expected-data") : word)]));
    }

    private async Task NothingIsLeft(IBlobs blobs, string road)
    {
        var incoming = new DirectoryInfo(_folder.File("blobs/.incoming"));
        Assert.True(!incoming.Exists || incoming.GetFiles().Length == 0);
        await foreach (var blob in blobs.List("", TestContext.Current.CancellationToken))
            Assert.Matches("^(runs|datasets|timings|cache|quarantine|work/(?!.*/failures/))", blob.Name);

        var queue = road == "sqlite" ? SqliteJobQueue.Open(_folder.File("data/queue.db"), TimeProvider.System) : await QueuePlace.Open(road, blobs, default);
        using var closed = queue as IDisposable;
        var count = await queue.Count();
        Assert.Equal(0, count.Dead);
        // A queue that cannot tell doubles may hold one more copy of a batch that is done.
        Assert.True(road != "sqlite" || count is { Waiting: 0, Held: 0 });
        Assert.All(await queue.Peek(32), job => Assert.StartsWith("soak-", JobMessage.Parse(job.Body).JobId, StringComparison.Ordinal));
    }

    private void JournalIsWhole()
    {
        using var connection = new SqliteConnection($"Data Source={_folder.File("data/journal.db")};Pooling=False");
        connection.Open();
        Assert.Equal("ok", Ask("PRAGMA integrity_check"));
        Assert.Equal("0", Ask("SELECT count(*) FROM instances WHERE status<>1"));
        Assert.Equal("0", Ask("SELECT count(*) FROM messages"));
        Assert.Equal("0", Ask("SELECT count(*) FROM activities"));

        string Ask(string sql)
        {
            using var command = connection.CreateCommand();
            command.CommandText = sql;
            return Convert.ToString(command.ExecuteScalar(), CultureInfo.InvariantCulture)!;
        }
    }

    private Process Start(string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "sana.dll"), .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        if (_hub is not null)
            start.Environment["HF_ENDPOINT"] = _hub.ToString();
        var process = Process.Start(start)!;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        process.ErrorDataReceived += (_, line) => TestContext.Current.TestOutputHelper?.WriteLine(line.Data ?? "");
        return process;
    }
}
