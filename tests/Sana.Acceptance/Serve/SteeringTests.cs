using System.Net;
using Sana.Acceptance.Support;
using Xunit;

namespace Sana.Acceptance.Serve;

/// <summary>Jobs and runs of a living server are suspended, resumed, tried again and canceled: over HTTP and by the commands, which reach the process that owns the folder.</summary>
public sealed class SteeringTests : IAsyncLifetime
{
    private SanaServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await SanaServer.Start();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task A_job_that_waits_is_held_until_it_is_resumed()
    {
        await _server.Send(HttpMethod.Put, "/v1/jobs/first", new { input = new { prompt = "a fox", width = 64, height = 64, steps = 300, seeds = new[] { 1, 2 } } });
        await _server.Send(HttpMethod.Put, "/v1/jobs/held", SanaServer.Job("an owl", 1));

        var suspended = await _server.Send(HttpMethod.Post, "/v1/jobs/held/suspend");
        var twice = await _server.Send(HttpMethod.Post, "/v1/jobs/held/suspend");
        await _server.Until("/v1/jobs/first", "succeeded");
        // Whoever comes behind it is served: the held one gives its place away.
        await _server.Send(HttpMethod.Put, "/v1/jobs/behind", SanaServer.Job("a crow", 1), ("Prefer", "wait=60"));
        var held = await _server.Send(HttpMethod.Get, "/v1/jobs/held");
        var listed = await _server.Send(HttpMethod.Get, "/v1/jobs");
        var resumed = await _server.Send(HttpMethod.Post, "/v1/jobs/held/resume");

        Assert.Equal((HttpStatusCode.Accepted, "suspended"), (suspended.Status, suspended.Body.GetProperty("status").GetString()));
        Assert.Equal(HttpStatusCode.Conflict, twice.Status);
        Assert.Contains("is suspended and cannot be suspended", twice.Body.GetProperty("detail").GetString(), StringComparison.Ordinal);
        Assert.Equal("suspended", held.Body.GetProperty("status").GetString());
        Assert.Contains(listed.Body.GetProperty("jobs").EnumerateArray(), job => job.GetProperty("id").GetString() == "held" && job.GetProperty("status").GetString() == "suspended");
        Assert.Equal(HttpStatusCode.Accepted, resumed.Status);
        await _server.Until("/v1/jobs/held", "succeeded");
        Assert.Equal(HttpStatusCode.Conflict, (await _server.Send(HttpMethod.Post, "/v1/jobs/held/resume")).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await _server.Send(HttpMethod.Post, "/v1/jobs/nobody/suspend")).Status);
    }

    [Fact]
    public async Task A_batch_begins_nothing_while_it_is_suspended_and_goes_on_after_a_cancel()
    {
        await Batch("pets");
        await _server.Until("/v1/batches/pets", "processing");

        var suspended = await _server.Send(HttpMethod.Post, "/v1/batches/pets/suspend");
        // A job of another's is made, whatever of the batch waits in the queue before it; then nothing of the batch is begun any more.
        await _server.Send(HttpMethod.Put, "/v1/jobs/other", SanaServer.Job("an owl", 1), ("Prefer", "wait=60"));
        var before = Images("pets");
        await _server.Send(HttpMethod.Put, "/v1/jobs/another", SanaServer.Job("a crow", 1), ("Prefer", "wait=60"));
        var after = Images("pets");
        var resumed = await _server.Send(HttpMethod.Post, "/v1/batches/pets/resume");
        var canceled = await _server.Send(HttpMethod.Delete, "/v1/batches/pets");
        await _server.Until("/v1/batches/pets", "canceled");
        var again = await _server.Send(HttpMethod.Post, "/v1/batches/pets/resume");
        var suspendedAgain = await _server.Send(HttpMethod.Post, "/v1/batches/pets/suspend");

        Assert.Equal((HttpStatusCode.Accepted, "suspended"), (suspended.Status, suspended.Body.GetProperty("status").GetString()));
        Assert.Equal(before, after);
        Assert.Equal((HttpStatusCode.Accepted, "processing"), (resumed.Status, resumed.Body.GetProperty("status").GetString()));
        Assert.Contains(canceled.Body.GetProperty("status").GetString(), new[] { "canceled", "processing" });
        Assert.Equal((HttpStatusCode.Accepted, HttpStatusCode.Accepted), (again.Status, suspendedAgain.Status));
    }

    [Fact]
    public async Task Every_command_reaches_the_server_that_owns_the_folder()
    {
        await Batch("pets");
        await _server.Until("/v1/batches/pets", "processing");
        var host = await File.ReadAllTextAsync(Path.Combine(_server.Data, "host.json"));

        var suspended = await Run("suspend");
        await _server.Until("/v1/batches/pets", "suspended");
        // Whatever else is given belongs to a folder that nobody owns: the owner has its places.
        var resumed = await Run("resume", "--device", "cuda:5", "--out", "/nowhere", "--json");
        await _server.Until("/v1/batches/pets", "processing");
        var running = await Run("resume");
        var canceled = await Run("cancel", "--reason", "enough");
        await _server.Until("/v1/batches/pets", "canceled");
        var begun = await Run("resume");
        await _server.Until("/v1/batches/pets", "processing");
        await Run("cancel");
        await _server.Until("/v1/batches/pets", "canceled");
        var retried = await Run("retry", "--reason", "nan");
        var missing = await SanaProgram.Run("resume", "generate-nobody", "--data", _server.Data);

        Assert.All([suspended, resumed, running, canceled, begun, retried], run => Assert.True(run.ExitCode == 0, run.Error));
        Assert.Contains("\"done\":true", resumed.Output, StringComparison.Ordinal);
        Assert.Contains("generate-pets Running", running.Output, StringComparison.Ordinal);
        Assert.Equal(host, await File.ReadAllTextAsync(Path.Combine(_server.Data, "host.json")));
        Assert.Equal(2, missing.ExitCode);
        Assert.Contains("There is no instance generate-nobody", missing.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Commands_that_meet_on_a_folder_without_an_owner_are_all_carried_out()
    {
        await Task.WhenAll(Enumerable.Range(0, 4).Select(i => Batch($"pets-{i}")));
        await _server.Terminate();

        var suspended = await Task.WhenAll(Enumerable.Range(0, 4).Select(i => SanaProgram.Run("suspend", $"generate-pets-{i}", "--data", _server.Data)));

        Assert.All(suspended, run => Assert.True(run.ExitCode == 0, run.Error));
        Assert.Equal(4, (await SanaProgram.Run("status", "--data", _server.Data)).Output.Split(" Suspended").Length - 1);
    }

    [Fact]
    public async Task A_journal_that_cannot_be_opened_has_no_owner_to_wait_for()
    {
        await _server.Terminate();
        foreach (var file in Directory.EnumerateFiles(_server.Data, "journal.db*"))
            await File.WriteAllTextAsync(file, "this is no database, and long enough to be looked at as one by anybody who wants to know");

        var run = await SanaProgram.Run("suspend", "generate-x", "--data", _server.Data);

        Assert.Equal(1, run.ExitCode);
        Assert.Contains("cannot be opened", run.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("does not answer", run.Error, StringComparison.Ordinal);
    }

    private Task<Finished> Run(string verb, params string[] options) => SanaProgram.Run([verb, "generate-pets", "--data", _server.Data, .. options]);

    private async Task Batch(string id) => await _server.Send(HttpMethod.Put, $"/v1/batches/{id}", new
    {
        prompts = Enumerable.Range(0, 400).Select(i => $"prompt {i}"),
        settings = new { width = 64, height = 64, steps = 20 },
    });

    private int Images(string run) =>
        Directory.Exists(Path.Combine(_server.Data, "blobs", "runs", run, "images")) ? Directory.EnumerateFiles(Path.Combine(_server.Data, "blobs", "runs", run), "*.png", SearchOption.AllDirectories).Count() : 0;
}
