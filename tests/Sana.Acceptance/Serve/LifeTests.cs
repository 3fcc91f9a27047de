using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.RegularExpressions;
using Sana.Acceptance.Support;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Acceptance.Serve;

/// <summary>Starting, dying, coming back, and what the clock starts.</summary>
public sealed class LifeTests(SmallCheckpoint checkpoint)
{
    [Fact]
    public async Task Jobs_that_were_accepted_before_a_crash_are_done_after_it()
    {
        await using var server = await SanaServer.Start();
        for (var i = 0; i < 12; i++)
            Assert.Equal(HttpStatusCode.Accepted, (await server.Send(HttpMethod.Put, $"/v1/jobs/c{i}", SanaServer.Job($"picture {i}", 1))).Status);

        await server.Crash();

        for (var i = 0; i < 12; i++)
            await server.Until($"/v1/jobs/c{i}", "succeeded");
        Assert.Equal(0, await server.Terminate());
    }

    [Fact]
    public async Task A_large_checkpoint_has_huge_pages_where_the_kernel_gives_them_on_demand()
    {
        const string kernel = "/sys/kernel/mm/transparent_hugepage/enabled";
        await using var server = await SanaServer.Start();
        Assert.False(HasHugePages());
        Assert.Equal(0, await server.Terminate());

        var unused = Directory.CreateDirectory(Path.Combine(server.Data, "../checkpoint/unused")).FullName;
        using (var hole = File.Create(Path.Combine(unused, "model.safetensors")))
            hole.SetLength(1_000_000_000); // takes no room on the disk
        await server.Again();

        Assert.Equal(File.Exists(kernel) && (await File.ReadAllTextAsync(kernel)).Contains("[madvise]", StringComparison.Ordinal), HasHugePages());
        Assert.Equal(HttpStatusCode.Accepted, (await server.Send(HttpMethod.Put, "/v1/jobs/large", SanaServer.Job("a red box", 1))).Status);
        await server.Until("/v1/jobs/large", "succeeded");
        Assert.Equal(0, await server.Terminate()); // it is the same process, and hears its signals

        bool HasHugePages() => File.ReadAllText($"/proc/{server.ProcessId}/environ").Split('\0').Contains("GLIBC_TUNABLES=glibc.malloc.hugetlb=1");
    }

    [Fact]
    public async Task An_id_is_one_request_also_when_the_journal_is_gone()
    {
        await using var server = await SanaServer.Start();
        Assert.Equal(HttpStatusCode.Accepted, (await server.Send(HttpMethod.Put, "/v1/jobs/same", SanaServer.Job("a red box", 1))).Status);
        var first = Sha256(await server.Until("/v1/jobs/same", "succeeded"));
        Assert.Equal(HttpStatusCode.Accepted, (await server.Send(HttpMethod.Post, "/v1/jobs", SanaServer.Job("a red box", 2), ("Idempotency-Key", "order 7"))).Status);

        await server.Kill();
        foreach (var file in Directory.EnumerateFiles(server.Data, "journal.db*").Concat(Directory.EnumerateFiles(server.Data, "queue.db*")))
            File.Delete(file);
        await server.Crash();

        var (status, body, _) = await server.Send(HttpMethod.Put, "/v1/jobs/same", SanaServer.Job("a blue ball", 1));
        Assert.Equal(HttpStatusCode.Conflict, status);
        Assert.Contains("results/same.json", body.ToString(), StringComparison.Ordinal);
        Assert.True((await server.Send(HttpMethod.Put, "/v1/jobs/same", SanaServer.Job("a red box", 1))).Status is HttpStatusCode.OK or HttpStatusCode.Accepted);
        Assert.Equal(first, Sha256(await server.Until("/v1/jobs/same", "succeeded")));
        File.Delete(Path.Combine(server.Data, "blobs/results/same.json"));
        await server.Kill();
        foreach (var file in Directory.EnumerateFiles(server.Data, "journal.db*"))
            File.Delete(file);
        await server.Crash();
        Assert.Equal(HttpStatusCode.Accepted, (await server.Send(HttpMethod.Put, "/v1/jobs/same", SanaServer.Job("a blue ball", 1))).Status);
        Assert.NotEqual(first, Sha256(await server.Until("/v1/jobs/same", "succeeded")));

        static string Sha256(System.Text.Json.JsonElement job) => job.GetProperty("images")[0].GetProperty("sha256").GetString()!;
    }

    [Fact]
    public async Task A_schedule_starts_runs_that_find_what_is_there()
    {
        var prompts = Path.GetTempFileName() + ".txt";
        await File.WriteAllTextAsync(prompts, "a clock\n");
        await using var server = await SanaServer.Start(new
        {
            schedules = new[] { new { schedule = new { name = "often", cron = "*/2 * * * * *" }, generate = new { prompts, width = 64, height = 64, steps = 2 } } },
        });

        for (var patience = Stopwatch.StartNew(); patience.Elapsed < TimeSpan.FromSeconds(40); await Task.Delay(200))
        {
            var batches = (await server.Send(HttpMethod.Get, "/v1/batches")).Body.GetProperty("batches").EnumerateArray().Where(batch => batch.GetProperty("status").GetString() == "succeeded").ToList();
            if (batches.Count < 2)
                continue;
            Assert.All(batches, batch => Assert.Equal(1, batch.GetProperty("succeeded").GetInt64()));
            Assert.Single(batches.Select(batch => batch.GetProperty("manifest").GetString()).Distinct());
            File.Delete(prompts);
            return;
        }

        Assert.Fail($"No two runs were started: {server.Errors}");
    }

    [Theory]
    [InlineData("http://0.0.0.0:0", null, "give a key")]
    [InlineData("http://[::]:0", null, "give a key")]
    [InlineData("http://*:0", null, "give a key")]
    [InlineData("http://127.0.0.1:0;http://10.0.0.1:0", null, "give a key")]
    [InlineData("http://127.0.0.1:0", "short", "at least 16")]
    [InlineData("https://127.0.0.1:0", null, "proxy")]
    [InlineData("nonsense", null, "is not an address")]
    public async Task What_would_be_open_or_cannot_be_is_refused_with_a_sentence(string urls, string? key, string sentence)
    {
        var start = new ProcessStartInfo(SanaProgram.Executable, ["serve", "--checkpoint", Path.GetTempPath(), "--data", "never-made", "--urls", urls]) { RedirectStandardError = true };
        start.Environment["SANA_API_KEY"] = key ?? "";

        using var process = Process.Start(start)!;
        var error = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();

        Assert.Equal(2, process.ExitCode);
        Assert.Contains(sentence, error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_busy_port_is_one_sentence()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        using var data = new TempFolder();
        var address = $"http://{other.LocalEndpoint}";

        var end = await SanaProgram.Run("serve", "--checkpoint", checkpoint.Path, "--data", data.Path, "--urls", address);

        Assert.Equal($"sana: Cannot listen on {address}: another program listens there; stop it or take another port with --urls.\n", end.Error);
        Assert.Equal(1, end.ExitCode);
    }

    [Theory]
    [InlineData("http://192.0.2.1:8080", "this machine does not have the address")]
    [InlineData("http://localhost:0", "give another address with --urls")]
    public async Task An_address_that_cannot_be_listened_on_is_one_sentence(string address, string part)
    {
        using var data = new TempFolder();

        var end = await SanaProgram.Run("serve", "--checkpoint", checkpoint.Path, "--data", data.Path, "--api-key", SanaServer.Key, "--urls", address);

        Assert.Matches($"^sana: Cannot listen on {Regex.Escape(address)}: .*{part}.*\\.\n$", end.Error);
        Assert.Equal(1, end.ExitCode);
    }

    [Theory]
    [InlineData(null, null, "Base URL for clients: http://127.0.0.1:[0-9]+/v1\nPage: +http://127.0.0.1:[0-9]+/\nKey: +none is asked for\nListening on http://127.0.0.1:[0-9]+; images go to folder ")]
    [InlineData(SanaServer.Key, "https://images.example.org/sana/", "Base URL for clients: https://images.example.org/sana/v1\nPage: +https://images.example.org/sana/\nKey: +asked for, as Authorization: Bearer <key>\nListening on ")]
    public async Task The_start_says_what_clients_need(string? key, string? publicUrl, string text)
    {
        using var data = new TempFolder();
        string[] given = [.. key is null ? Array.Empty<string>() : ["--api-key", key], .. publicUrl is null ? Array.Empty<string>() : ["--public-url", publicUrl]];
        using var process = SanaProgram.Start(["serve", "--checkpoint", checkpoint.Path, "--data", data.Path, "--urls", "http://127.0.0.1:0", .. given]);
        var lines = new StringBuilder();
        while (!lines.ToString().Contains("Listening", StringComparison.Ordinal) && await process.StandardOutput.ReadLineAsync() is { } line)
            lines.Append(line).Append('\n');
        SanaProgram.Signal(process, "TERM");
        var end = await SanaProgram.Finish(process);

        Assert.Matches("^" + text, lines.ToString());
        Assert.Equal((0, ""), (end.ExitCode, end.Error));
    }

    [Fact]
    public async Task The_service_is_called_sana()
    {
        await using var server = await SanaServer.Start();

        Assert.Contains("service_name=\"sana\"", await server.Http.GetStringAsync("/metrics"), StringComparison.Ordinal);
    }
}
