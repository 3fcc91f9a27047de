using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.Data.Sqlite;
using Sana.Acceptance.Support;
using Xunit;

namespace Sana.Acceptance.Serve;

/// <summary>
/// A server to which everything happens at once: it is killed and stopped, its disk is full, its clock is set, its descriptors are used up, and others write nonsense into its queue.
/// Clients ask all the while, and ask again when they get no answer. <c>tests/chaos.sh</c> runs it for an hour; <c>SANA_CHAOS_MINUTES</c> and <c>SANA_CHAOS_EVENTS</c> say how long and what.
/// </summary>
public sealed class ChaosTests(ITestOutputHelper output)
{
    private const int Kinds = 12; // of images
    private const int Clients = 3;
    private const string Model = "tiny-sana";
    private const string FakeTime = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

    private static readonly string[] Colours = ["red", "green", "blue"];

    private static readonly double _minutes = double.Parse(Environment.GetEnvironmentVariable("SANA_CHAOS_MINUTES") ?? "1", CultureInfo.InvariantCulture);
    private static readonly string[] _events = (Environment.GetEnvironmentVariable("SANA_CHAOS_EVENTS") ?? "kill,stop,disk,forward,back,descriptors,rows").Split(',');

    private readonly Random _random = new(17);
    private readonly ConcurrentDictionary<string, int> _asked = []; // id and kind, once the server said that it has it
    private readonly Dictionary<string, int> _happened = [];
    private readonly string _time = Path.GetTempFileName();
    private TimeSpan _offset;
    private int _rows;

    [Fact]
    [Trait("Category", "Chaos")]
    public async Task Whatever_happens_nothing_is_lost_nothing_is_doubled_and_every_image_is_right()
    {
        Assert.True(File.Exists(FakeTime), "The clock cannot be set without libfaketime: apt-get install libfaketime.");
        var expected = await Undisturbed();
        Set(TimeSpan.Zero);
        await using var server = await SanaServer.StartUnder(
            "ulimit -n 1000",
            environment: new Dictionary<string, string> { ["LD_PRELOAD"] = FakeTime, ["FAKETIME_TIMESTAMP_FILE"] = _time, ["FAKETIME_NO_CACHE"] = "1", ["FAKETIME_DONT_FAKE_MONOTONIC"] = "1", ["NO_FAKE_STAT"] = "1" },
            model: Model,
            options: ["--max-queue", "100000"]);
        using var end = new CancellationTokenSource();
        var clients = Enumerable.Range(0, Clients).Select(number => Task.Run(() => Ask(server, number, end.Token))).ToList();

        for (var clock = Stopwatch.StartNew(); clock.Elapsed < TimeSpan.FromMinutes(_minutes);)
        {
            await Task.Delay(_random.Next(200, 4000), TestContext.Current.CancellationToken);
            StillRuns(server, "before the next event");
            await Happen(server, _events[_random.Next(_events.Length)]);
        }

        await end.CancelAsync();
        await Task.WhenAll(clients);
        // The last restart is one more chance to forget something.
        await server.Crash("--max-queue", "100000");
        foreach (var (id, kind) in _asked)
        {
            var job = await server.Until($"/v1/jobs/{id}", "succeeded", seconds: 600);
            Assert.Equal(expected[kind], await Hash(server, job));
        }

        output.WriteLine($"{_asked.Count} jobs; {string.Join(", ", _happened.Select(one => $"{one.Key} {one.Value}"))}");
        await NothingElse(server);
        Assert.Equal(0, await server.Terminate());
        Assert.Equal("ok", Query(server, "journal.db", "PRAGMA integrity_check"));
        Assert.Equal("0", Query(server, "journal.db", "SELECT (SELECT count(*) FROM messages) + (SELECT count(*) FROM activities) + (SELECT count(*) FROM instances WHERE status<>1)"));
        Assert.Equal("0", Query(server, "queue.db", "SELECT count(*) FROM jobs"));
        Assert.True(int.Parse(Query(server, "queue.db", "SELECT count(*) FROM dead"), CultureInfo.InvariantCulture) <= _rows, Query(server, "queue.db", "SELECT group_concat(reason || ' ' || message) FROM dead"));
        File.Delete(_time);
    }

    /// <summary>What each kind of image is when nothing happens.</summary>
    private static async Task<string[]> Undisturbed()
    {
        await using var server = await SanaServer.StartUnder(null, model: Model);
        var hashes = new string[Kinds];
        for (var kind = 0; kind < Kinds; kind++)
            await server.Send(HttpMethod.Put, $"/v1/jobs/e{kind}", Body(kind));
        for (var kind = 0; kind < Kinds; kind++)
            hashes[kind] = await Hash(server, await server.Until($"/v1/jobs/e{kind}", "succeeded"));
        Assert.Equal(Kinds, hashes.Distinct().Count());
        return hashes;
    }

    private static object Body(int kind) => SanaServer.Job($"a {Colours[kind % Colours.Length]} heart", (ulong)kind, 1000UL + (ulong)kind);

    /// <summary>The pixels of a job's images, as they are fetched; their bytes are what the job says they are.</summary>
    private static async Task<string> Hash(SanaServer server, JsonElement job)
    {
        var hashes = new List<string>();
        foreach (var image in job.GetProperty("images").EnumerateArray())
        {
            var bytes = await server.Http.GetByteArrayAsync($"/v1/blobs/{image.GetProperty("blob").GetString()}");
            Assert.Equal(image.GetProperty("sha256").GetString(), Convert.ToHexStringLower(SHA256.HashData(bytes)));
            hashes.Add(Pixels(bytes));
        }

        return string.Join(' ', hashes);
    }

    /// <summary>The hash of the compressed pixels of a PNG: its texts name the job.</summary>
    private static string Pixels(byte[] png)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (var at = 8; at < png.Length;)
        {
            var length = BinaryPrimitives.ReadInt32BigEndian(png.AsSpan(at));
            if (png.AsSpan(at + 4, 4).SequenceEqual("IDAT"u8))
                hash.AppendData(png, at + 8, length);
            at += length + 12;
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>Asks for jobs, each until there is an answer that it is there; after five waits until the last has ended, so that what waits at the end does not grow with the length.</summary>
    private async Task Ask(SanaServer server, int client, CancellationToken end)
    {
        for (var number = 0; !end.IsCancellationRequested; number++)
        {
            var (id, kind) = ($"c{client}-{number}", number % Kinds);
            await Insist(async () =>
            {
                var (status, body, _) = await server.Send(HttpMethod.Put, $"/v1/jobs/{id}", Body(kind));
                if (status is HttpStatusCode.Accepted or HttpStatusCode.OK)
                    return true;
                Assert.True(status is HttpStatusCode.ServiceUnavailable or HttpStatusCode.TooManyRequests, $"{status} {body}");
                return false;
            });
            _asked[id] = kind;
            if (number % 5 == 4)
                await Insist(async () => end.IsCancellationRequested || (await server.Send(HttpMethod.Get, $"/v1/jobs/{id}")).Body.GetProperty("status").GetString() == "succeeded");
        }
    }

    private static async Task Insist(Func<Task<bool>> isDone)
    {
        while (true)
        {
            try
            {
                if (await isDone())
                    return;
            }
            catch (Exception error) when (error is HttpRequestException or OperationCanceledException or ObjectDisposedException or InvalidOperationException or JsonException or KeyNotFoundException)
            {
                // It was killed, or is full of connections: nobody knows, so it is asked again.
            }

            await Task.Delay(150, CancellationToken.None);
        }
    }

    private async Task Happen(SanaServer server, string what)
    {
        _happened[what] = _happened.GetValueOrDefault(what) + 1;
        switch (what)
        {
            case "kill":
                await server.Crash("--max-queue", "100000");
                break;
            case "stop":
                Assert.Equal(0, await server.Terminate());
                await server.Again("--max-queue", "100000");
                break;
            case "disk":
                server.FillDisk(true);
                await Task.Delay(_random.Next(500, 6000));
                server.FillDisk(false);
                break;
            case "forward":
                Set(_offset + TimeSpan.FromMinutes(_random.Next(1, 50)));
                break;
            case "back":
                Set(_offset - TimeSpan.FromMinutes(_random.Next(1, 50)));
                break;
            case "descriptors":
                await UseUp(server);
                break;
            case "rows":
                Spoil(server);
                break;
            default:
                throw new InvalidOperationException($"'{what}' is none of the events.");
        }

        StillRuns(server, $"during or after {what}");
    }

    private void StillRuns(SanaServer server, string when) =>
        Assert.False(server.HasExited, $"The server ended by itself, {server.End}, {when}; {string.Join(", ", _happened.Select(one => $"{one.Key} {one.Value}"))}.\n{server.Errors}");

    /// <summary>The clock of the server, as an offset to this machine's.</summary>
    private void Set(TimeSpan offset)
    {
        _offset = offset;
        File.WriteAllText(_time + ".new", string.Create(CultureInfo.InvariantCulture, $"{offset.TotalSeconds:+0;-0}"));
        File.Move(_time + ".new", _time, overwrite: true);
    }

    private async Task UseUp(SanaServer server)
    {
        var many = new List<TcpClient>();
        for (var number = 0; number < 600; number++)
        {
            many.Add(new TcpClient());
            try
            {
                await many[^1].ConnectAsync(server.Address.Host, server.Address.Port, new CancellationTokenSource(500).Token);
            }
            catch (Exception error) when (error is SocketException or OperationCanceledException)
            {
                break;
            }
        }

        await Task.Delay(_random.Next(500, 3000));
        many.ForEach(client => client.Dispose());
    }

    /// <summary>What another program may put into the queue.</summary>
    private void Spoil(SanaServer server)
    {
        var name = $"spoiled-{++_rows}";
        string[] rows =
        [
            $"'{name}', '{{\"schema\":\"sana.job/1\"}}', 5, 0, 0, {DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() * 1000}",
            $"'{name}', 'no JSON at all', 5, 0, 9223372036854775807, 0",
            $"'{name}', '{{\"schema\":\"sana.job/1\",\"job_id\":null}}', 5, 0, 0, 0",
            $"'{name}', CAST(x'fffe00ff' AS TEXT), 5, 0, 0, 0",
        ];
        Execute(server, "queue.db", $"INSERT INTO jobs(job, body, priority, due, deliveries, sent) VALUES({rows[_random.Next(rows.Length)]})");
    }

    /// <summary>The jobs that were asked for, each once, and no other.</summary>
    private async Task NothingElse(SanaServer server)
    {
        var there = new List<string>();
        for (var skip = 0; ; skip += 1000)
        {
            var jobs = (await server.Send(HttpMethod.Get, $"/v1/jobs?limit=1000&skip={skip}")).Body.GetProperty("jobs").EnumerateArray().Select(job => job.GetProperty("id").GetString()!).ToList();
            there.AddRange(jobs);
            if (jobs.Count < 1000)
                break;
        }

        Assert.Equal(_asked.Keys.Order(StringComparer.Ordinal), there.Order(StringComparer.Ordinal));
    }

    private static void Execute(SanaServer server, string file, string sql)
    {
        using var connection = new SqliteConnection($"Data Source={Path.Combine(server.Data, file)};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private static string Query(SanaServer server, string file, string sql)
    {
        using var connection = new SqliteConnection($"Data Source={Path.Combine(server.Data, file)};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return Convert.ToString(command.ExecuteScalar(), CultureInfo.InvariantCulture)!;
    }
}
