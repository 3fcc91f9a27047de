using System.Diagnostics;
using Azure.Storage.Queues;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Time.Testing;
using Sana.Jobs.Queue;
using Sana.Jobs.Worker;
using Sana.Local.Queue;
using Sana.Storage.Blobs;
using Sana.Tests.Blobs;
using Sana.Tests.Support;
using Sana.Tests.Workflows;
using Xunit;

namespace Sana.Tests.Queue;

/// <summary>What every queue does, held by each of them.</summary>
public abstract class JobQueueTests : IAsyncDisposable
{
    private protected static readonly TimeSpan Hold = TimeSpan.FromSeconds(30);

    private protected TempFolder Folder { get; } = new();

    [Fact]
    public async Task A_message_comes_as_it_was_sent()
    {
        var queue = await Open();
        var sent = Job("a") with { Input = new JobInput { Prompt = "a \"cat\" ☃ \u00e9", Seeds = [1, ulong.MaxValue] }, Traceparent = "00-1-2-00", NotAfter = DateTimeOffset.UnixEpoch };

        await queue.Send(sent);
        var got = await queue.Receive(Hold);

        Assert.Equal(sent.ToJson(), JobMessage.Parse(got!.Body).ToJson());
        Assert.Equal(1, got.Deliveries);
    }

    [Fact]
    public async Task A_held_message_is_unseen_and_a_returned_one_comes_again()
    {
        var queue = await Open();
        await queue.Send(Job("a"));
        var first = (await queue.Receive(Hold))!;

        Assert.Null(await queue.Receive(Hold));
        Assert.True(await queue.Abandon(first, TimeSpan.Zero));

        var second = (await queue.Receive(Hold))!;
        Assert.Equal(2, second.Deliveries);
        Assert.False(await queue.Complete(first));
        Assert.True(await queue.Complete(second));
        Assert.Null(await queue.Receive(Hold));
    }

    [Fact]
    public async Task A_hold_that_runs_out_returns_the_message_and_is_lost()
    {
        var queue = await Open();
        await queue.Send(Job("a"));
        var dead = (await queue.Receive(TimeSpan.FromSeconds(1)))!;

        await Pass(TimeSpan.FromSeconds(1.5));
        var heir = await queue.Receive(Hold);

        Assert.NotNull(heir);
        Assert.False(await queue.Renew(dead, Hold));
        Assert.False(await queue.Complete(dead));
        Assert.False(await queue.Abandon(dead, TimeSpan.Zero));
    }

    [Fact]
    public async Task A_renewed_hold_lasts()
    {
        var queue = await Open();
        await queue.Send(Job("a"));
        var held = (await queue.Receive(TimeSpan.FromSeconds(1)))!;

        Assert.True(await queue.Renew(held, Hold));
        await Pass(TimeSpan.FromSeconds(1.5));

        Assert.Null(await queue.Receive(Hold));
        Assert.True(await queue.Renew(held, Hold));
        Assert.True(await queue.Complete(held));
    }

    [Fact]
    public async Task A_delayed_message_is_not_seen_before()
    {
        var queue = await Open();
        await queue.Send(Job("a"), TimeSpan.FromSeconds(1));

        var early = await queue.Receive(Hold);
        await Pass(TimeSpan.FromSeconds(1.5));

        Assert.Null(early);
        Assert.NotNull(await queue.Receive(Hold));
    }

    [Fact]
    public async Task A_buried_message_is_dead_until_it_is_put_back_for_another_round()
    {
        var queue = await Open();
        await queue.Send(Job("a"));
        await queue.Send(Job("b"));
        await queue.DeadLetter((await queue.Receive(Hold))!, FaultReason.BadInput, "It cannot be.");
        await queue.DeadLetter((await queue.Receive(Hold))!, FaultReason.Timeout, "It took too long.");

        var dead = await queue.Dead(10);
        var revived = await queue.Requeue(dead[0].Id);
        var job = JobMessage.Parse((await queue.Receive(Hold))!.Body);

        Assert.Equal(["bad_input It cannot be.", "timeout It took too long."], dead.Select(letter => $"{letter.Reason} {letter.Message}"));
        Assert.Equal((1, "a", 1), (revived, job.JobId, job.Round));
        Assert.Equal(1, (await queue.Count()).Dead);
        Assert.Equal(1, await queue.Requeue(null));
        Assert.Equal(0, (await queue.Count()).Dead);
    }

    [Fact]
    public async Task What_waits_can_be_looked_at()
    {
        var queue = await Open();
        await queue.Send(Job("a"));
        await queue.Send(Job("b"));

        var seen = await queue.Peek(10);

        Assert.Equal(["a", "b"], seen.Select(job => JobMessage.Parse(job.Body).JobId));
        Assert.Equal(2, (await queue.Count()).Waiting);
        Assert.NotNull(await queue.Receive(Hold));
    }

    public virtual ValueTask DisposeAsync()
    {
        Folder.Dispose();
        GC.SuppressFinalize(this);
        return ValueTask.CompletedTask;
    }

    private protected static JobMessage Job(string id) => new() { JobId = id, Input = new JobInput { Prompt = "a cat" } };

    private protected abstract Task<IJobQueue> Open();

    private protected abstract Task Pass(TimeSpan time);
}

public sealed class SqliteJobQueueTests : JobQueueTests
{
    private readonly FakeTimeProvider _clock = new();
    private SqliteJobQueue? _queue;

    [Fact]
    public async Task Higher_priorities_go_first_and_equals_in_order()
    {
        var queue = await Open();
        foreach (var (id, priority) in new[] { ("a", 5), ("b", 9), ("c", 5), ("d", 0), ("e", 9) })
            await queue.Send(Job(id) with { Priority = priority });

        var order = new List<string>();
        while (await queue.Receive(Hold) is { } job)
            order.Add(JobMessage.Parse(job.Body).JobId);

        Assert.Equal(["b", "e", "a", "c", "d"], order);
    }

    [Fact]
    public async Task A_job_is_in_the_queue_once()
    {
        var queue = await Open();

        Assert.True(await queue.Send(Job("a")));
        Assert.False(await queue.Send(Job("a")));

        await queue.Complete((await queue.Receive(Hold))!);
        Assert.True(await queue.Send(Job("a")));
    }

    [Fact]
    public async Task Two_processes_share_one_file()
    {
        var first = await Open();
        using var second = SqliteJobQueue.Open(Folder.File("queue.db"), _clock);
        for (var i = 0; i < 200; i++)
            await first.Send(Job($"{i}"));

        var taken = await Task.WhenAll(Enumerable.Range(0, 4).Select(lane => Task.Run(async () =>
        {
            var mine = new List<string>();
            while (await (lane % 2 == 0 ? first : second).Receive(Hold) is { } job)
                mine.Add(job.Body);
            return mine;
        })));

        Assert.Equal(200, taken.SelectMany(mine => mine).Distinct().Count());
        Assert.Equal(200, taken.Sum(mine => mine.Count));
    }

    public static TheoryData<string, string> BadRows => new()
    {
        { "due=1796000000000000", "due is 1796000000000000" },
        { "due='soon'", "due is soon" },
        { "due=x'ff'", "The row's due is" },
        { "sent=1796000000000000", "sent is 1796000000000000" },
        { "sent='yesterday'", "sent is yesterday" },
        { "sent=-1", "sent is -1" },
        { "deliveries=9223372036854775807", "deliveries are 9223372036854775807" },
        { "deliveries=-3", "deliveries are -3" },
        { "deliveries='many'", "deliveries are many" },
        { "body=x'7bff7d'", "body is not text in UTF-8" },
        { "body=CAST(x'7bff7d' AS TEXT)", "body is not text in UTF-8" },
    };

    [Theory]
    [MemberData(nameof(BadRows))]
    public async Task A_row_that_is_no_message_is_buried_at_once(string damage, string why)
    {
        var queue = await Open();
        await queue.Send(Job("bad"));
        await queue.Send(Job("good"));
        Execute($"UPDATE jobs SET since=NULL, {damage} WHERE job='bad'");

        Assert.Single(await queue.Peek(1));
        var got = await queue.Receive(Hold);

        Assert.Equal("good", JobMessage.Parse(got!.Body).JobId);
        var letter = Assert.Single(await queue.Dead(10));
        Assert.Equal(FaultReason.BadInput, letter.Reason);
        Assert.Contains(why, letter.Message, StringComparison.Ordinal);
        Assert.Null(await queue.Receive(Hold));
        Assert.Equal(1, await queue.Requeue(letter.Id));
    }

    [Fact]
    public async Task A_dead_letter_of_another_program_is_shown_as_far_as_it_can_be_read()
    {
        var queue = await Open();
        Execute("INSERT INTO dead(job, body, priority, reason, message, buried) VALUES(x'ff', x'ff', 'high', x'ff', 7, 1796000000000000000)");

        Assert.Equal("7", Assert.Single(await queue.Dead(10)).Message);
        Assert.Equal(1, await queue.Requeue(null));
    }

    [Fact]
    public async Task A_clock_that_was_set_back_hides_nothing()
    {
        var queue = await Open();
        await queue.Send(Job("waits"));
        await queue.Send(Job("delayed"), TimeSpan.FromSeconds(10));
        await queue.Send(Job("held"));
        var waits = (await queue.Receive(Hold))!;
        var held = (await queue.Receive(Hold))!;
        await queue.Abandon(waits, TimeSpan.Zero);
        _queue!.Dispose();

        var clock = new FakeTimeProvider(_clock.GetUtcNow().AddHours(-5));
        using var later = SqliteJobQueue.Open(Folder.File("queue.db"), clock);

        Assert.Equal("waits", Id(await later.Receive(Hold)));
        Assert.Null(await later.Receive(Hold));
        clock.Advance(TimeSpan.FromSeconds(11));
        Assert.Equal("delayed", Id(await later.Receive(Hold)));
        Assert.True(await later.Renew(held, Hold));
        clock.Advance(TimeSpan.FromSeconds(31));
        Assert.Equal(["waits", "delayed", "held"], new[] { Id(await later.Receive(Hold)), Id(await later.Receive(Hold)), Id(await later.Receive(Hold)) });
    }

    [Fact]
    public async Task A_clock_that_was_set_to_the_beginning_buries_nothing()
    {
        var queue = await Open();
        await queue.Send(Job("a"), TimeSpan.FromMinutes(1));
        _queue!.Dispose();

        var clock = new FakeTimeProvider(DateTimeOffset.UnixEpoch.AddSeconds(3));
        using var later = SqliteJobQueue.Open(Folder.File("queue.db"), clock);
        Assert.Null(await later.Receive(Hold));
        clock.Advance(TimeSpan.FromMinutes(2));

        Assert.Equal("a", Id(await later.Receive(Hold)));
    }

    [Fact]
    public async Task A_message_that_goes_last_comes_when_nothing_else_waits()
    {
        var queue = await Open();
        await queue.Send(Job("suspect") with { Priority = 9 });
        await queue.Abandon((await queue.Receive(Hold))!, TimeSpan.Zero, new ReturnNote(FaultReason.EngineDead, "It died.", GoesLast: true));
        await queue.Send(Job("low") with { Priority = 0 });

        Assert.Equal("low", Id(await queue.Receive(Hold)));
        var seen = Assert.Single(await queue.Peek(10));
        Assert.Equal((FaultReason.EngineDead, "It died."), (seen.Reason, seen.Message));
        Assert.Equal("suspect", Id(await queue.Receive(Hold)));
    }

    [Fact]
    public async Task A_letter_stays_while_its_job_waits_again()
    {
        var queue = await Open();
        await queue.Send(Job("a"));
        await queue.DeadLetter((await queue.Receive(Hold))!, FaultReason.BadInput, "It cannot be.");
        await queue.Send(Job("a"));

        Assert.Equal(0, await queue.Requeue(null));
        Assert.Equal(1, (await queue.Count()).Dead);
    }

    [Fact]
    public async Task A_file_of_an_earlier_version_goes_on()
    {
        Execute("""
            CREATE TABLE jobs(
                key INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL UNIQUE, body TEXT NOT NULL, priority INTEGER NOT NULL,
                due INTEGER NOT NULL, receipt TEXT, deliveries INTEGER NOT NULL DEFAULT 0, sent INTEGER NOT NULL);
            INSERT INTO jobs(job, body, priority, due, sent) VALUES('a', '{"schema":"sana.job/1","job_id":"a"}', 5, 1, 1);
            """);

        var queue = await Open();

        Assert.Equal("a", Id(await queue.Receive(Hold)));
    }

    private static string? Id(QueuedJob? job) => job is null ? null : JobMessage.Parse(job.Body).JobId;

    private void Execute(string sql)
    {
        using var connection = new SqliteConnection($"Data Source={Folder.File("queue.db")};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    public override ValueTask DisposeAsync()
    {
        _queue?.Dispose();
        return base.DisposeAsync();
    }

    private protected override Task<IJobQueue> Open() => Task.FromResult<IJobQueue>(_queue = SqliteJobQueue.Open(Folder.File("queue.db"), _clock));

    private protected override Task Pass(TimeSpan time)
    {
        _clock.Advance(time);
        return Task.CompletedTask;
    }
}

[CollectionDefinition("azurite")]
public sealed class AzuriteCollection : ICollectionFixture<AzuriteFixture>, ICollectionFixture<BucketsFixture>;

/// <summary>One emulator for all tests that want one.</summary>
public sealed class AzuriteFixture : IAsyncLifetime
{
    private Azurite? _azurite;

    public string Connection => _azurite!.Connection;

    public async ValueTask InitializeAsync() => _azurite = await Azurite.Start();

    public ValueTask DisposeAsync() => _azurite!.DisposeAsync();
}

[Collection("azurite")]
public sealed class AzureJobQueueTests(AzuriteFixture azurite) : JobQueueTests
{
    private readonly string _name = $"q-{Guid.NewGuid():N}";

    [Fact]
    public async Task A_body_over_the_limit_leaves_its_input_in_a_blob()
    {
        var queue = await Open();
        var prompt = new string('☃', 90_000);

        await queue.Send(Job("big") with { Input = new JobInput { Prompt = prompt } });
        var job = JobMessage.Parse((await queue.Receive(Hold))!.Body);

        Assert.Null(job.Input.Prompt);
        Assert.Equal(prompt, (await ClaimCheck.Redeem(FileBlobs.Open(Folder.File("blobs")), job.Input, default)).Prompt);
    }

    [Theory]
    [InlineData("plain")]
    [InlineData("base64")]
    public async Task Another_program_may_write_plain_text_or_Base64(string encoding)
    {
        var queue = await Open();
        const string Body = """{"schema":"sana.job/1","job_id":"node-1","unknown":{"a":[1]},"input":{"prompt":"a ☃","seeds":[7]}}""";

        using var node = Process.Start("node", [NodePackages.File("..", "send-job.mjs"), azurite.Connection, _name, Body, encoding]);
        await node.WaitForExitAsync();
        var job = JobMessage.Parse((await queue.Receive(Hold))!.Body);

        Assert.Equal(0, node.ExitCode);
        Assert.Equal(("node-1", "a ☃"), (job.JobId, job.Input.Prompt));
    }

    [Theory]
    [InlineData("plain words")]
    [InlineData("{\"schema\":\"sana.job/1\",\"job_id\":null}")]
    [InlineData("e/99")]
    [InlineData("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[")]
    [InlineData("{\"schema\":\"\\ud800\"}")]
    public async Task A_message_that_is_no_job_is_buried_at_once(string text)
    {
        var queue = await Open();
        await new QueueClient(azurite.Connection, _name, new QueueClientOptions { MessageEncoding = QueueMessageEncoding.None }).SendMessageAsync(text);
        await using var host = new JobHost.Sqlite();

        var message = (await queue.Receive(Hold))!;
        var verdict = await host.Handler.Handle(message, null, default);
        Assert.True(await queue.DeadLetter(message, verdict.Reason!, verdict.Message!));

        Assert.Equal((SettlementKind.DeadLetter, FaultReason.BadInput), (verdict.Kind, verdict.Reason));
        Assert.Null(await queue.Receive(Hold));
        Assert.Equal(1, (await queue.Count()).Dead);
    }

    [Fact]
    public async Task Dead_letters_lie_in_the_poison_queue_as_other_programs_expect()
    {
        var queue = await Open();
        await queue.Send(Job("a"));
        await queue.DeadLetter((await queue.Receive(Hold))!, FaultReason.Nan, "No numbers.");

        var poison = new QueueClient(azurite.Connection, _name + "-poison", new QueueClientOptions { MessageEncoding = QueueMessageEncoding.Base64 });
        var message = (await poison.PeekMessageAsync()).Value.Body.ToString();

        Assert.Equal("a", JobMessage.Parse(message).JobId);
        Assert.Contains("\"reason\":\"nan\"", message, StringComparison.Ordinal);
    }

    private protected override Task<IJobQueue> Open() =>
        QueuePlace.Open($"{azurite.Connection};Queue={_name}", FileBlobs.Open(Folder.File("blobs")), default);

    // The service's clock is its own.
    private protected override Task Pass(TimeSpan time) => Task.Delay(time);
}
