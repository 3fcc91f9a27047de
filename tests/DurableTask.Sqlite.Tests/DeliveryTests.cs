using System.Threading.Channels;
using DurableTask.Core;
using DurableTask.Core.History;
using Sana.Tests.Support;
using Xunit;

namespace DurableTask.Sqlite.Tests;

/// <summary>Messages and turns in every order: the dispatcher's part is played by the test.</summary>
public sealed class DeliveryTests
{
    private readonly Channel<Inbox> _ready = Channel.CreateUnbounded<Inbox>();
    private long _id;

    [Fact]
    public void A_start_that_comes_while_an_event_is_put_back_is_not_held()
    {
        var inboxes = new Inboxes(10, _ready.Writer);
        inboxes.Add(Message(new EventRaisedEvent(-1, "1") { Name = "e" }));
        var (inbox, early) = Lock(inboxes);

        inboxes.Add(Message(new ExecutionStartedEvent(-1, "")));
        inboxes.PutBack(inbox, early, untilStart: true);
        inboxes.Unlock(inbox, null);

        Assert.Equal([EventType.EventRaised, EventType.ExecutionStarted], Lock(inboxes).Batch.Select(message => message.Message.Event.EventType));
    }

    [Fact]
    public void A_start_that_comes_later_lifts_what_was_put_back()
    {
        var inboxes = new Inboxes(10, _ready.Writer);
        inboxes.Add(Message(new EventRaisedEvent(-1, "1") { Name = "e" }));
        var (inbox, early) = Lock(inboxes);
        inboxes.PutBack(inbox, early, untilStart: true);
        inboxes.Unlock(inbox, null);
        Assert.False(_ready.Reader.TryPeek(out _));

        inboxes.Add(Message(new ExecutionStartedEvent(-1, "")));

        Assert.Equal(2, Lock(inboxes).Batch.Count);
    }

    [Fact]
    public void A_rewind_is_a_batch_of_its_own()
    {
        var inboxes = new Inboxes(10, _ready.Writer);
        foreach (var what in new[] { "event", "event", "rewind", "event", "rewind" })
            inboxes.Add(Message(what == "rewind" ? new ExecutionRewoundEvent(-1, "") : new EventRaisedEvent(-1, "1") { Name = "e" }));

        List<int> sizes = [];
        while (_ready.Reader.TryPeek(out _))
        {
            var (inbox, batch) = Lock(inboxes);
            sizes.Add(batch.Count);
            inboxes.Unlock(inbox, null);
        }

        Assert.Equal([2, 1, 1, 1], sizes);
    }

    [Fact]
    public void A_message_to_what_was_put_out_of_memory_is_found_in_a_new_inbox()
    {
        var inboxes = new Inboxes(1, _ready.Writer);
        var (first, _) = Turn(inboxes, "a");
        Turn(inboxes, "b");

        inboxes.Add(Message(new EventRaisedEvent(-1, "1") { Name = "e" }, "a"));
        Assert.True(_ready.Reader.TryRead(out var second));

        Assert.NotSame(first, second);
        Assert.True(inboxes.Lock(second, out var kept, out var batch));
        Assert.Null(kept);
        Assert.Single(batch);
    }

    [Fact]
    public void What_is_forgotten_in_the_midst_of_a_turn_stays_forgotten()
    {
        var inboxes = new Inboxes(10, _ready.Writer);
        inboxes.Add(Message(new ExecutionStartedEvent(-1, "")));
        var (old, batch) = Lock(inboxes);

        inboxes.Forget("i");
        inboxes.Add(Message(new ExecutionStartedEvent(-1, "")));
        inboxes.PutBack(old, batch);
        inboxes.Unlock(old, null);
        inboxes.Lift(old);

        var (present, starts) = Lock(inboxes);
        Assert.NotSame(old, present);
        Assert.Single(starts);
        Assert.False(_ready.Reader.TryPeek(out _));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_is_written_in_the_transaction_of_a_start_comes_once(bool startFirst)
    {
        await using var service = new SqliteOrchestrationService(new SqliteOrchestrationServiceSettings { Path = SqliteOrchestrationServiceSettings.InMemory });
        await service.CreateTaskOrchestrationAsync(Start("i", null));
        await service.CreateTaskOrchestrationAsync(Start("later", DateTime.UtcNow.AddHours(1)));
        var (entered, open) = (new TaskCompletionSource(), new ManualResetEventSlim());
        service.InstanceFinished += _ =>
        {
            entered.SetResult();
            open.Wait();
        };
        var terminated = service.TerminateAsync("later", "", recursive: false);
        await entered.Task;

        // The writer stands still: both go into its next transaction.
        var (first, second) = startFirst ? (service.StartAsync(), Send(service)) : (Send(service), service.StartAsync());
        open.Set();
        await Task.WhenAll(terminated, first, second);
        var item = await service.LockNextTaskOrchestrationWorkItemAsync(TimeSpan.FromSeconds(20), default);

        var messages = item.NewMessages.ToList();
        Assert.Equal(["ExecutionStarted", "EventRaised"], messages.Select(message => message.Event.EventType.ToString()));
    }

    [Fact]
    public async Task What_a_dispatcher_took_and_gives_back_comes_again_at_once()
    {
        await using var service = new SqliteOrchestrationService(new SqliteOrchestrationServiceSettings { Path = SqliteOrchestrationServiceSettings.InMemory });
        await service.StartAsync();
        await service.CreateTaskOrchestrationAsync(Start("i", null));
        var taken = await service.LockNextTaskOrchestrationWorkItemAsync(TimeSpan.FromSeconds(20), default);

        await service.ReleaseTaskOrchestrationWorkItemAsync(taken);

        var again = await service.LockNextTaskOrchestrationWorkItemAsync(TimeSpan.FromSeconds(20), default);
        Assert.Equal(taken.NewMessages.Single().Event, again.NewMessages.Single().Event);
    }

    [Fact]
    public async Task A_result_that_is_delivered_when_the_journal_breaks_is_asked_for_again()
    {
        using var folder = new TempFolder();
        var settings = new SqliteOrchestrationServiceSettings { Path = folder.File("journal.db") };
        var broken = new SqliteOrchestrationService(settings);
        await broken.StartAsync();
        await broken.CreateTaskOrchestrationAsync(Start("i", null));
        await Decide(broken, activity: true);
        var activity = await broken.LockNextTaskActivityWorkItem(TimeSpan.FromSeconds(20), default);
        Execute(settings.Path, "ALTER TABLE activities RENAME TO hidden");

        await broken.CompleteTaskActivityWorkItemAsync(activity, new TaskMessage { OrchestrationInstance = activity.TaskMessage.OrchestrationInstance, Event = new TaskCompletedEvent(-1, 0, "7") });
        await Assert.ThrowsAsync<JournalException>(() => broken.Stopped.WaitAsync(TimeSpan.FromSeconds(20)));
        Execute(settings.Path, "ALTER TABLE hidden RENAME TO activities");
        await broken.DisposeAsync();
        await using var heir = new SqliteOrchestrationService(settings);
        await heir.StartAsync();

        Assert.Equal(activity.Id, (await heir.LockNextTaskActivityWorkItem(TimeSpan.FromSeconds(20), default)).Id);
        Assert.Null(await heir.LockNextTaskOrchestrationWorkItemAsync(TimeSpan.Zero, default));
    }

    /// <summary>Plays the turn of an instance that begins and asks for an activity.</summary>
    private static async Task Decide(SqliteOrchestrationService service, bool activity)
    {
        var item = await service.LockNextTaskOrchestrationWorkItemAsync(TimeSpan.FromSeconds(20), default);
        var state = item.OrchestrationRuntimeState;
        state.AddEvent(new OrchestratorStartedEvent(-1));
        state.AddEvent(item.NewMessages.Single().Event);
        var scheduled = new TaskScheduledEvent(0, "step");
        state.AddEvent(scheduled);
        await service.CompleteTaskOrchestrationWorkItemAsync(
            item, state, activity ? [new TaskMessage { OrchestrationInstance = state.OrchestrationInstance, Event = scheduled }] : [], [], [], null!,
            new OrchestrationState { OrchestrationInstance = state.OrchestrationInstance, OrchestrationStatus = OrchestrationStatus.Running, Name = "o" });
        await service.ReleaseTaskOrchestrationWorkItemAsync(item);
    }

    private static Task Send(SqliteOrchestrationService service) => service.SendTaskOrchestrationMessageAsync(
        new TaskMessage { OrchestrationInstance = new OrchestrationInstance { InstanceId = "i" }, Event = new EventRaisedEvent(-1, "1") { Name = "e" } });

    private static TaskMessage Start(string id, DateTime? at)
    {
        var instance = new OrchestrationInstance { InstanceId = id, ExecutionId = id };
        return new TaskMessage { OrchestrationInstance = instance, Event = new ExecutionStartedEvent(-1, "") { Name = "o", OrchestrationInstance = instance, ScheduledStartTime = at } };
    }

    private static void Execute(string path, string sql)
    {
        using var connection = new Microsoft.Data.Sqlite.SqliteConnection($"Data Source={path};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private (Inbox Inbox, List<Pending> Batch) Lock(Inboxes inboxes)
    {
        Assert.True(_ready.Reader.TryRead(out var inbox));
        Assert.True(inboxes.Lock(inbox, out _, out var batch));
        return (inbox, batch);
    }

    private (Inbox Inbox, WorkItem Item) Turn(Inboxes inboxes, string id)
    {
        inboxes.Add(Message(new ExecutionStartedEvent(-1, ""), id));
        var (inbox, _) = Lock(inboxes);
        var item = new WorkItem(inbox, new Recorded(1, OrchestrationStatus.Pending, null, []));
        inboxes.Unlock(inbox, item);
        return (inbox, item);
    }

    private Pending Message(HistoryEvent what, string id = "i") => Pending.Write(++_id, id, what);
}
