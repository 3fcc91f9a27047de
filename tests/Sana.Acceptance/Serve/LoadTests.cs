using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using Microsoft.Data.Sqlite;
using Sana.Acceptance.Support;
using Xunit;

namespace Sana.Acceptance.Serve;

/// <summary>More clients than there is room for. <c>tests/load</c> runs it longer and wider.</summary>
public sealed class LoadTests(ITestOutputHelper output)
{
    private static readonly int Clients = Setting("SANA_LOAD_CLIENTS", 50);
    private static readonly int Seconds = Setting("SANA_LOAD_SECONDS", 5);
    private static readonly int MaxQueue = Setting("SANA_LOAD_QUEUE", 40);
    private static readonly int OldJobs = Setting("SANA_LOAD_JOBS", 20_000);
    private static readonly int Viewers = Setting("SANA_LOAD_VIEWERS", 5);

    [Fact]
    public async Task Under_load_no_accepted_job_is_lost_and_memory_stays_bounded()
    {
        await using var server = await SanaServer.Start(null, "--max-queue", MaxQueue.ToString(CultureInfo.InvariantCulture));
        var (accepted, latencies, refused, others) = (new ConcurrentBag<string>(), new ConcurrentBag<double>(), 0, new ConcurrentBag<string>());
        var (withoutRetryAfter, peak, clock) = (0, 0L, Stopwatch.StartNew());

        async Task Client(int number)
        {
            for (var i = 0; clock.Elapsed < TimeSpan.FromSeconds(Seconds); i++)
            {
                var begin = clock.Elapsed;
                var (status, body, headers) = await server.Send(HttpMethod.Post, "/v1/jobs", SanaServer.Job($"client {number} picture {i}", (ulong)i));
                latencies.Add((clock.Elapsed - begin).TotalMilliseconds);
                if (status == HttpStatusCode.Accepted)
                {
                    accepted.Add(body.GetProperty("id").GetString()!);
                }
                else if (status is HttpStatusCode.TooManyRequests or HttpStatusCode.ServiceUnavailable)
                {
                    Interlocked.Increment(ref refused);
                    if (headers.RetryAfter is null)
                        Interlocked.Increment(ref withoutRetryAfter);
                    // A client that obeyed would hardly be a load; this one is only not a flood.
                    await Task.Delay(100);
                }
                else
                {
                    others.Add($"{status} {body}");
                }
            }
        }

        var clients = Task.WhenAll(Enumerable.Range(0, Clients).Select(Client));
        while (!clients.IsCompleted)
        {
            peak = Math.Max(peak, server.WorkingSet);
            await Task.WhenAny(clients, Task.Delay(200));
        }

        await clients;
        var drain = Stopwatch.StartNew();
        // Oldest first; the last one waits for all others, which is the queue's depth and no loss.
        foreach (var id in accepted.Order(StringComparer.Ordinal))
            await server.Until($"/v1/jobs/{id}", "succeeded", seconds: 300);

        var sorted = latencies.Order().ToList();
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Clients} clients, {Seconds} s: {sorted.Count} requests ({sorted.Count / (double)Seconds:0}/s), {accepted.Count} accepted and done, {refused} refused, p50 {sorted[sorted.Count / 2]:0} ms, p99 {sorted[sorted.Count * 99 / 100]:0} ms, peak {peak >> 20} MB, drained in {drain.Elapsed.TotalSeconds:0} s"));
        Assert.Empty(others);
        Assert.Equal(0, withoutRetryAfter);
        Assert.Equal(accepted.Count, accepted.Distinct().Count());
        Assert.True(!accepted.IsEmpty && refused > 0, $"{accepted.Count} accepted, {refused} refused");
        Assert.True(peak < 1L << 30, $"{peak >> 20} MB");
    }

    [Fact]
    public async Task Many_jobs_of_before_and_people_who_look_at_them_do_not_hold_up_new_ones()
    {
        await using var server = await SanaServer.Start();
        await server.Send(HttpMethod.Put, "/v1/jobs/first", SanaServer.Job("a picture", 1));
        await server.Until("/v1/jobs/first", "succeeded");
        await server.Terminate();
        Multiply(Path.Combine(server.Data, "journal.db"), OldJobs);
        var begin = Stopwatch.StartNew();
        await server.Again("--max-queue", "100000");
        var start = begin.Elapsed;
        var (puts, looks, clock, bad) = (new ConcurrentBag<double>(), new ConcurrentBag<double>(), Stopwatch.StartNew(), new ConcurrentBag<string>());
        bool IsOn() => clock.Elapsed < TimeSpan.FromSeconds(Seconds);

        async Task View(int number)
        {
            string[] places = ["/", "/v1/jobs?limit=100", "/v1/batches", "/v1/jobs?limit=100&skip=400"];
            for (var i = number; IsOn(); i++)
            {
                var at = clock.Elapsed;
                var status = (await server.Http.GetAsync(places[i % places.Length])).StatusCode;
                looks.Add((clock.Elapsed - at).TotalMilliseconds);
                if (status != HttpStatusCode.OK)
                    bad.Add($"{places[i % places.Length]}: {status}");
                // The page of a browser asks each second.
                await Task.Delay(1000);
            }
        }

        async Task Ask(int number)
        {
            for (var i = 0; IsOn(); i++)
            {
                var at = clock.Elapsed;
                var (status, body, _) = await server.Send(HttpMethod.Put, $"/v1/jobs/new-{number}-{i}", new { input = new { prompt = "a picture", width = 64, height = 64, steps = 1, seeds = new[] { i } } });
                puts.Add((clock.Elapsed - at).TotalMilliseconds);
                if (status != HttpStatusCode.Accepted)
                    bad.Add($"{status} {body}");
                await Task.Delay(100);
            }
        }

        await Task.WhenAll(Enumerable.Range(0, Viewers).Select(View).Concat(Enumerable.Range(0, 4).Select(Ask)));

        var (put, look) = (puts.Order().ToList(), looks.Order().ToList());
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{OldJobs} finished jobs, journal of {new FileInfo(Path.Combine(server.Data, "journal.db")).Length >> 20} MB, ready after {start.TotalSeconds:0.0} s; {Viewers} viewers, {Seconds} s: {put.Count} PUTs, p50 {put[put.Count / 2]:0} ms, p99 {put[put.Count * 99 / 100]:0} ms; {look.Count} looks, p50 {look[look.Count / 2]:0} ms, p99 {look[look.Count * 99 / 100]:0} ms"));
        Assert.Empty(bad);
        // The machine may be busy with other tests; what is promised is measured by tests/load. A scan on the writer's thread took seconds.
        Assert.True(put[put.Count / 2] < 500, $"p50 {put[put.Count / 2]:0} ms");
    }

    /// <summary>Copies the one job of a journal, with its history, under other ids.</summary>
    private static void Multiply(string journal, int copies)
    {
        using var connection = new SqliteConnection($"Data Source={journal};Pooling=False");
        connection.Open();
        using var copy = connection.CreateCommand();
        copy.CommandText = $"""
            PRAGMA synchronous=OFF;
            BEGIN;
            WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < {copies})
            INSERT INTO instances(id, execution, name, version, status, input, output, failure, custom_status, tags, generation, created, updated, completed)
              SELECT 'job-old-' || value, execution, name, version, status, input, output, failure, custom_status, tags, generation, created, updated, completed FROM n, instances WHERE id='job-first' ORDER BY value;
            INSERT INTO history SELECT i.key, h.turn, h.events FROM instances i, history h WHERE i.id LIKE 'job-old-%' AND h.instance=(SELECT key FROM instances WHERE id='job-first') ORDER BY i.key, h.turn;
            COMMIT;
            PRAGMA wal_checkpoint(TRUNCATE);
            """;
        copy.CommandTimeout = 600;
        copy.ExecuteNonQuery();
        connection.Close();
        // On the disk before the server starts, whose first flush would write all of it.
        using var file = File.OpenHandle(journal, FileMode.Open, FileAccess.ReadWrite);
        RandomAccess.FlushToDisk(file);
    }

    private static int Setting(string name, int byDefault) => int.TryParse(Environment.GetEnvironmentVariable(name), CultureInfo.InvariantCulture, out var set) ? set : byDefault;
}
