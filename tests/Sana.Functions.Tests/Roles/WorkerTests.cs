using System.Text.Json;
using Sana.Functions.Tests.Host;
using Sana.Functions.Tests.Host.Wire;
using Sana.Functions.Tests.Infra;
using Sana.Jobs.Durable;
using Sana.Jobs.Generation;
using Sana.Jobs.Queue;
using Sana.Jobs.Schedules;
using Xunit;

namespace Sana.Functions.Tests.Roles;

/// <summary>What a host sees of the worker, role by role.</summary>
[Collection(BothApps.Turns)]
public sealed class WorkerTests(BothApps apps)
{
    // A host gives a worker a minute; a machine that has other things to do is slower than one that has not.
    private static readonly TimeSpan _mostStartUp = TimeSpan.FromSeconds(20);

    // What a host gives a worker between telling it to stop and ending it.
    private static readonly TimeSpan _grace = TimeSpan.FromSeconds(5);

    [Fact]
    public void Both_roles_start_in_time_and_take_a_stop()
    {
        Assert.All(apps.Host.Workers, worker => Assert.InRange(worker.StartUp, TimeSpan.Zero, _mostStartUp));
        Assert.All(apps.Host.Workers, worker => Assert.True(worker.Capabilities.ContainsKey("HandlesWorkerTerminateMessage")));
    }

    [Fact]
    public void Both_roles_hold_all_functions_and_listen_to_their_own()
    {
        // Not compiled where its package is missing.
        string[] maybe = ["RenderFromServiceBus"];

        Assert.Equal(DeclaredFunctions.All.Select(function => function.Name).Except(maybe).Order(), apps.Gpu.Functions.Except(maybe).Order());
        Assert.Equal(apps.Gpu.Functions.Order(), apps.Orchestrator.Functions.Order());
        Assert.Equal(["Healthz", "Readyz", "RenderFromStorageQueue"], apps.Gpu.Functions.Where(apps.Gpu.Has).Except(maybe).Order());
        Assert.Equal(SettingsTests.List("orchestratorFunctions").Concat(["Healthz", "Readyz"]).Order(), apps.Orchestrator.Functions.Where(apps.Orchestrator.Has).Order());
    }

    [Fact]
    public async Task Both_roles_say_that_they_are_there_and_ready()
    {
        Assert.Equal(200, (await apps.Gpu.Send(HttpMethod.Get, "/healthz")).Status);
        Assert.Equal(200, (await apps.Orchestrator.Send(HttpMethod.Get, "/healthz")).Status);
        Assert.Equal("warm", (await apps.Gpu.Json(HttpMethod.Get, "/readyz")).Body.GetProperty("worker").GetString());
        var (status, orchestrator) = await apps.Orchestrator.Json(HttpMethod.Get, "/readyz");
        Assert.Equal((200, "orchestrator", Path.GetFileName(apps.Checkpoint)), (status, orchestrator.GetProperty("role").GetString(), orchestrator.GetProperty("model").GetString()));
        Assert.InRange(TimeProvider.System.GetUtcNow() - orchestrator.GetProperty("modelShown").GetDateTimeOffset(), TimeSpan.Zero, TimeSpan.FromMinutes(6));
        Assert.Equal(JsonValueKind.Null, orchestrator.GetProperty("sentence").ValueKind);
    }

    [Fact]
    public async Task An_activity_that_succeeds_answers_with_json()
    {
        var nightly = new NextTick(new Schedule { Name = "nightly", Cron = "0 0 2 * * *" }, new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc));

        var response = await apps.Orchestrator.Invoke("NextTick", Json(nightly));

        Assert.Equal((StatusResult.Types.Status.Success, "\"2026-01-01T02:00:00Z\""), (response.Result.Status, response.ReturnValue.Json));
    }

    [Fact]
    public async Task An_activity_that_fails_tells_its_exception_by_type_and_sentence()
    {
        var response = await apps.Orchestrator.Invoke("PlanImages", Json(new GenerateRequest("work/no-such-job.json", new Pace())));

        Assert.Equal((StatusResult.Types.Status.Failure, true), (response.Result.Status, response.Result.Exception.IsUserException));
        Assert.Equal("Microsoft.Azure.Functions.Worker.Extensions.DurableTask.Exceptions.DurableSerializationException", response.Result.Exception.Type);
        var failure = TaskHub.Failure(response.Result.Exception);
        Assert.Equal(typeof(SanaException).FullName, failure.ErrorType);
        Assert.Contains("work/no-such-job.json", failure.ErrorMessage, StringComparison.Ordinal);
    }

    [Fact]
    public void What_a_worker_writes_is_a_line_each_and_its_own()
    {
        Assert.NotEmpty(apps.Gpu.Output);
        Assert.All(apps.Gpu.Output.Concat(apps.Orchestrator.Output), line => Assert.Matches("^(info: Sana[.]|warn: |fail: )", line));
        Assert.Matches(@"^info: Sana\.Functions\.WarmUp\[403\] This replica renders \S+: loaded and warm in [0-9.]+ s\.$", apps.Gpu.Output[0]);
    }

    [Fact]
    public async Task A_replica_that_cannot_render_says_why_on_its_console_and_sends_its_message_back_for_later()
    {
        await using var host = await FunctionsHost.Start();
        var broken = await host.StartApp(apps.Settings("gpu", SettingsTests.List("orchestratorFunctions"), ("Sana__Checkpoint", "/no/such/folder")));

        var line = await broken.Wrote("[401]");
        await apps.Jobs.Send(new JobMessage { JobId = "early", Input = new JobInput { Prompt = "a cat" } });
        var taken = await new QueueListener(apps.Queue, broken, "RenderFromStorageQueue").Turn();

        Assert.StartsWith("fail: Sana.Functions.WarmUp[401] This replica cannot render yet: ", line, StringComparison.Ordinal);
        Assert.Contains("/no/such/folder", line, StringComparison.Ordinal);
        Assert.True(taken);
        Assert.Null(await apps.Jobs.Receive(TimeSpan.FromSeconds(1)));
        Assert.Equal((1, 503), ((await apps.Jobs.Count()).Waiting, (await broken.Send(HttpMethod.Get, "/readyz")).Status));
        await apps.Queue.ClearMessagesAsync();
    }

    [Theory]
    [InlineData("AzureWebJobs.RunJob.Disabled", "true", true)]
    [InlineData("AzureWebJobs_RunJob_Disabled", "1", true)]
    [InlineData("AzureWebJobs_RunJob_Disabled", "False", false)]
    [InlineData("AzureWebJobs__RunJob__Disabled", "true", false)]
    public void A_function_is_disabled_by_the_names_that_the_host_reads(string name, string value, bool isDisabled) =>
        Assert.Equal(isDisabled, new AppSettings([KeyValuePair.Create(name, value)]).IsDisabled("RunJob"));

    [Fact]
    public async Task A_replica_that_is_stopped_returns_its_message_at_once_and_counts_no_death()
    {
        await using var host = await FunctionsHost.Start();
        var replica = await host.StartApp(apps.Settings("gpu", SettingsTests.List("orchestratorFunctions"), ("Sana__Checkpoint", apps.Checkpoint)));
        await replica.Wrote("renders");
        await apps.Jobs.Send(new JobMessage { JobId = "long", Input = new JobInput { Prompt = "a cat", Width = 1024, Height = 1024, Steps = 100 } });
        var turn = new QueueListener(apps.Queue, replica, "RenderFromStorageQueue").Turn();
        while (!await apps.Blobs.Exists("work/attempts/sana-jobs/long.json", default))
            await Task.Delay(20);

        replica.Terminate();
        using var grace = new CancellationTokenSource(_grace);
        await replica.Process.WaitForExitAsync(grace.Token);

        Assert.Equal(0, replica.Process.ExitCode);
        var again = await apps.Jobs.Receive(TimeSpan.FromMinutes(1));
        Assert.NotNull(again);
        Assert.Equal(("long", 1), (JobMessage.Parse(again.Body).JobId, JobMessage.Parse(again.Body).Returned));
        var ledger = JsonDocument.Parse((await apps.Blobs.Read("work/attempts/sana-jobs/long.json", default))!).RootElement;
        Assert.Equal("returned", Assert.Single(ledger.GetProperty("attempts").EnumerateArray()).GetProperty("ended").GetString());
        Assert.DoesNotContain(replica.Output, line => line.Contains("Exception", StringComparison.Ordinal));
        Assert.True(await turn, string.Join('\n', replica.Output));
        await apps.Queue.ClearMessagesAsync();
    }

    private static TypedData Json<T>(T input) => new() { String = JsonSerializer.Serialize(input, WorkflowJson.Options) };
}
