using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using Sana.Acceptance.Support;
using Xunit;

namespace Sana.Acceptance.Serve;

/// <summary>More clients than there is room for. <c>tests/load</c> runs it longer and wider.</summary>
public sealed class LoadTests(ITestOutputHelper output)
{
    private static readonly int Clients = Setting("SANA_LOAD_CLIENTS", 50);
    private static readonly int Seconds = Setting("SANA_LOAD_SECONDS", 5);
    private static readonly int MaxQueue = Setting("SANA_LOAD_QUEUE", 40);

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

    private static int Setting(string name, int byDefault) => int.TryParse(Environment.GetEnvironmentVariable(name), CultureInfo.InvariantCulture, out var set) ? set : byDefault;
}
