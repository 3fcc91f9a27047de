using DurableTask.Core;
using DurableTask.Core.History;
using Newtonsoft.Json.Linq;
using Xunit;

namespace DurableTask.Sqlite.Tests.Provider;

/// <summary>Large and unusual texts, and continue-as-new with them.</summary>
public class Payloads
{
    private static readonly string _large = string.Concat(Enumerable.Range(0, 200_000).Select(number => $"{number % 100_000:00000}"));

    [Fact]
    public async Task A_megabyte_goes_everywhere()
    {
        await using var hub = await Echo().Start();

        var state = await hub.Play("Echo", _large, "i|with 'signs' %2F");
        await hub.Kill();
        await hub.Start();

        Assert.Equal((OrchestrationStatus.Completed, $"\"{_large}\"", $"\"{_large}\"", $"\"{_large}\""), (state.OrchestrationStatus, state.Input, state.Output, state.Status));
        Assert.Equal($"\"{_large}\"", (await hub.Get("i|with 'signs' %2F"))!.Output);
    }

    [Fact]
    public async Task A_large_failure_keeps_its_message()
    {
        await using var hub = await new TaskHub().Orchestration<int, int>("Fails", (_, _) => throw new InvalidDataException(_large)).Start();

        Assert.Equal($"Failed {_large}", await hub.Answer("Fails", 1));
    }

    [Fact]
    public async Task A_large_event_and_bytes_come_as_they_were_sent()
    {
        var bytes = Enumerable.Range(0, 300_000).Select(number => (byte)(number * 7)).ToArray();
        await using var hub = await new TaskHub()
            .Activity<byte[], byte[]>("Same", given => given)
            .Orchestration<byte[], string>("Both", async (run, given) => (await run.Call<byte[]>("Same", given)).SequenceEqual(bytes) ? await run.Event("text") : "other bytes").Start();
        await hub.Begin("Both", bytes, "i");

        await hub.Raise("i", "text", _large);

        Assert.Equal($"Completed \"{_large}\"", TaskHub.Tell(await hub.Wait("i")));
    }

    [Theory]
    [InlineData("https://example.com/a?b=c&d=%20")]
    [InlineData("日本語 \U0001F600 \u0000 \u2028 </script> \"\\ \r\n\t")]
    [InlineData("")]
    public async Task A_text_of_any_letters_comes_back(string text)
    {
        await using var hub = await Echo().Start();

        var state = await hub.Play("Echo", text);

        Assert.Equal(text, (string?)JToken.Parse(state.Output));
    }

    [Fact]
    public async Task A_large_history_is_read_again()
    {
        await using var hub = await new TaskHub()
            .Activity<string, int>("Length", text => text.Length)
            .Orchestration<int, int>("Many", async (run, count) =>
            {
                var lengths = await Task.WhenAll(Enumerable.Range(0, count).Select(_ => run.Call<int>("Length", new string('x', 10_000))));
                await run.Event("end");
                return lengths.Sum();
            }).Start();
        await hub.Begin("Many", 500, "i");
        await TaskHub.Eventually(() => hub.Count("activities") == 0 && hub.Count("history") > 0 && hub.Count("messages") == 0);

        await hub.Kill();
        await hub.Start();
        await hub.Raise("i", "end");

        Assert.Equal("Completed 5000000", TaskHub.Tell(await hub.Wait("i")));
    }

    [Fact]
    public async Task The_history_is_told_as_JSON()
    {
        await using var hub = await Echo().Start();
        var instance = await hub.Begin("Echo", "hello", "i");
        await hub.Wait("i");

        var history = JArray.Parse(await hub.Client.GetOrchestrationHistoryAsync(instance));
        var absent = await hub.Service.GetOrchestrationHistoryAsync("absent", "");

        Assert.Equal(
            ["OrchestratorStarted", "ExecutionStarted", "TaskScheduled", "OrchestratorCompleted", "OrchestratorStarted", "TaskCompleted", "ExecutionCompleted", "OrchestratorCompleted"],
            history.Select(item => ((EventType)(int)item["EventType"]!).ToString()));
        Assert.Equal(("Echo", "[\"hello\"]", "[]"), ((string?)history[1]["Name"], (string?)history[2]["Input"] ?? "[\"hello\"]", absent));
    }

    [Fact]
    public async Task Continue_as_new_many_times()
    {
        await using var hub = await Looping().Start();

        var state = await hub.Play("Loop", 0);

        Assert.Equal(("Completed 100", "100"), (TaskHub.Tell(state), state.Input));
        Assert.True(hub.Count("history") <= 3);
    }

    [Fact]
    public async Task Continue_as_new_with_a_large_input_keeps_the_newest_only()
    {
        await using var hub = await new TaskHub().Orchestration<string, int>("Grows", async (run, text) =>
        {
            var next = text + await run.Event("more");
            if (next.Length < 2_000_000)
                run.Context.ContinueAsNew(next);
            return next.Length;
        }).Start();
        await hub.Begin("Grows", "", "i");

        await hub.Raise("i", "more", _large);
        await hub.Raise("i", "more", _large);

        Assert.Equal("Completed 2000000", TaskHub.Tell(await hub.Wait("i")));
        Assert.True((long)hub.Ask("SELECT sum(length(events)) FROM history")! < 5_000_000);
    }

    [Fact]
    public async Task Events_that_were_not_heard_are_carried_over()
    {
        await using var hub = await new TaskHub().Orchestration<string, string>("Actor", async (run, heard) =>
        {
            var now = heard + await run.Event("letter");
            if (now.Length < 30)
                run.Context.ContinueAsNew(now);
            return now;
        }).Start();
        await hub.Begin("Actor", "", "i");

        for (var number = 0; number < 30; number++)
            await hub.Raise("i", "letter", $"{(char)('A' + number)}");
        var heard = (await hub.Wait("i")).Output.Trim('"');

        Assert.Equal(Enumerable.Range(0, 30).Select(number => (char)('A' + number)), heard.Replace("\\\\", "\\", StringComparison.Ordinal).Order());
    }

    [Fact]
    public async Task A_timer_after_continue_as_new_fires()
    {
        await using var hub = await new TaskHub().Orchestration<int, string>("Then", async (run, round) =>
        {
            if (round == 0)
            {
                run.Context.ContinueAsNew(1);
                return "";
            }

            return await run.Context.CreateTimer(run.Context.CurrentUtcDateTime.AddMilliseconds(200), "rung");
        }).Start();

        Assert.Equal("Completed \"rung\"", await hub.Answer("Then", 0));
    }

    [Fact]
    public async Task Continue_as_new_outlives_kills()
    {
        await using var hub = await Looping().Start();
        await hub.Begin("Loop", 0, "i");

        foreach (var round in new[] { 20, 40, 60 })
        {
            await TaskHub.Eventually(async () => int.Parse((await hub.Get("i"))!.Input, System.Globalization.CultureInfo.InvariantCulture) >= round);
            await hub.Kill();
            await hub.Start();
        }

        Assert.Equal("Completed 100", TaskHub.Tell(await hub.Wait("i")));
    }

    private static TaskHub Echo() => new TaskHub()
        .Activity<string, string>("Same", text => text)
        .Orchestration<string, string>("Echo", (run, text) =>
        {
            run.Status = text;
            return run.Call<string>("Same", text);
        });

    private static TaskHub Looping() => new TaskHub()
        .Activity<int, int>("Add", number => number + 1)
        .Orchestration<int, int>("Loop", async (run, number) =>
        {
            if (number == 100)
                return number;
            run.Context.ContinueAsNew(await run.Call<int>("Add", number));
            return 0;
        });
}
