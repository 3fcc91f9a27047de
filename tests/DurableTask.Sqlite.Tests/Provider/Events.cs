using DurableTask.Core;
using DurableTask.Core.History;
using Xunit;

namespace DurableTask.Sqlite.Tests.Provider;

/// <summary>Events from clients and between instances.</summary>
public class Events
{
    [Fact]
    public async Task A_hundred_events_come_once_and_in_order()
    {
        await using var hub = await Counter().Start();
        await hub.Begin("Counts", 100, "i");

        for (var number = 0; number < 100; number++)
            await hub.Raise("i", "number", number);

        Assert.Equal($"Completed \"{string.Join(' ', Enumerable.Range(0, 100))}\"", TaskHub.Tell(await hub.Wait("i")));
    }

    [Fact]
    public async Task Events_from_many_clients_at_once_come_once()
    {
        await using var hub = await Counter().Start();
        await hub.Begin("Counts", 200, "i");

        await Task.WhenAll(Enumerable.Range(0, 200).Select(number => hub.Raise("i", "number", number)));
        var heard = (await hub.Wait("i")).Output.Trim('"').Split(' ').Select(int.Parse).Order();

        Assert.Equal(Enumerable.Range(0, 200), heard);
    }

    [Fact]
    public async Task An_event_is_kept_for_its_waiter()
    {
        await using var hub = await new TaskHub().Orchestration<int, string>("Late", async (run, _) =>
        {
            await run.Event("go");
            return await run.Event("word");
        }).Start();
        await hub.Begin("Late", 1, "i");
        await hub.Raise("i", "word", "hello");

        await hub.Kill();
        await hub.Start();
        await hub.Raise("i", "go");

        Assert.Equal("Completed \"hello\"", TaskHub.Tell(await hub.Wait("i")));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Two_instances_talk(bool isChild)
    {
        await using var hub = await new TaskHub()
            .Orchestration<string, string>("Answers", async (run, other) =>
            {
                run.Status = "listening";
                var question = await run.Event("question");
                run.Context.SendEvent(new OrchestrationInstance { InstanceId = other }, "answer", $"{question}: yes");
                return "said";
            })
            .Orchestration<bool, string>("Asks", async (run, child) =>
            {
                var answering = child ? run.Child<string>("Answers", "asking", "answering") : Task.FromResult("");
                run.Context.SendEvent(new OrchestrationInstance { InstanceId = "answering" }, "question", "well");
                var answer = await run.Event("answer");
                await answering;
                return answer;
            }).Start();
        if (!isChild)
            await hub.Begin("Answers", "asking", "answering");

        var answer = await hub.Answer("Asks", isChild, "asking");

        Assert.Equal("Completed \"well: yes\"", answer);
        Assert.Equal("Completed \"said\"", TaskHub.Tell(await hub.Wait("answering")));
    }

    [Fact]
    public async Task An_event_to_nobody_is_dropped()
    {
        await using var hub = await Counter()
            .Orchestration<string, string>("Sends", (run, other) =>
            {
                run.Context.SendEvent(new OrchestrationInstance { InstanceId = other }, "number", 1);
                return Task.FromResult("sent");
            }).Start();
        await hub.Play("Counts", 0, "finished");

        await hub.Raise("finished", "number", 1);
        await hub.Raise("absent", "number", 1);
        var taken = await hub.Service.TrySendAsync(Event("finished"), Event("absent"));

        Assert.Equal(("Completed \"sent\"", "Completed \"sent\""), (await hub.Answer("Sends", "finished"), await hub.Answer("Sends", "absent")));
        Assert.Equal((0, 0), (taken, hub.Count("messages")));
        Assert.Equal("Completed \"\"", TaskHub.Tell((await hub.Get("finished"))!));
    }

    [Fact]
    public async Task Events_come_while_the_instance_is_put_out_of_memory_and_read_again()
    {
        await using var hub = Counter();
        hub.Settings = hub.Settings with { MaxInstancesInMemory = 1 };
        await hub.Start();
        var ids = Enumerable.Range(0, 8).Select(number => $"i{number}").ToList();
        foreach (var id in ids)
            await hub.Begin("Counts", 60, id);

        await Task.WhenAll(ids.Select(async id =>
        {
            for (var number = 0; number < 60; number++)
                await hub.Raise(id, "number", number);
        }));

        foreach (var id in ids)
            Assert.Equal($"Completed \"{string.Join(' ', Enumerable.Range(0, 60))}\"", TaskHub.Tell(await hub.Wait(id)));
    }

    private static TaskMessage Event(string id) =>
        new() { OrchestrationInstance = new OrchestrationInstance { InstanceId = id }, Event = new EventRaisedEvent(-1, "1") { Name = "number" } };

    private static TaskHub Counter() => new TaskHub().Orchestration<int, string>("Counts", async (run, count) =>
    {
        var heard = new List<string>();
        while (heard.Count < count)
            heard.Add(await run.Event("number"));
        return string.Join(' ', heard);
    });
}
