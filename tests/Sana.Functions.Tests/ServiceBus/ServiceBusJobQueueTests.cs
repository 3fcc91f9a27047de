using Azure.Core.Amqp;
using Azure.Messaging.ServiceBus;
using Microsoft.Extensions.Time.Testing;
using Sana.Jobs.Queue;
using Sana.Storage.Blobs;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Functions.Tests.ServiceBus;

/// <summary>Every verb of the queue, by the real client library, against <see cref="BusListener"/> with a clock that is advanced by hand.</summary>
public sealed class ServiceBusJobQueueTests : IAsyncLifetime
{
    private static readonly TimeSpan _hold = TimeSpan.FromMinutes(5);

    private readonly TempFolder _folder = new();
    private readonly FakeTimeProvider _clock = new(TimeProvider.System.GetUtcNow());
    private readonly BusListener _bus;
    private readonly ServiceBusClient _client;
    private readonly ServiceBusJobQueue _queue;

    public ServiceBusJobQueueTests()
    {
        _bus = new BusListener(clock: _clock);
        _client = new ServiceBusClient(_bus.Connection, new ServiceBusClientOptions { RetryOptions = { MaxRetries = 1, Delay = TimeSpan.FromMilliseconds(10) } });
        _queue = Open(_client);
    }

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        await _queue.DisposeAsync();
        _bus.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_message_comes_as_it_was_sent()
    {
        var sent = Job("a") with { Input = new JobInput { Prompt = "a \"cat\" ☃ \u00e9", Seeds = [1, ulong.MaxValue] }, Traceparent = "00-1-2-00", NotAfter = DateTimeOffset.UnixEpoch };

        Assert.True(await _queue.Send(sent));
        var got = (await _queue.Receive(_hold))!;

        Assert.Equal(sent.ToJson(), got.Body);
        Assert.Equal(("1", 1), (got.Id, got.Deliveries));
        Assert.Equal(_clock.GetUtcNow().ToUnixTimeSeconds(), got.Sent.ToUnixTimeSeconds());
        Assert.Equal(("application/json", "a.0.0"), (_bus.Queue.Messages[0].Properties.ContentType.ToString(), _bus.Queue.Messages[0].Properties.MessageId));
    }

    [Fact]
    public async Task A_held_message_is_unseen_and_a_returned_one_comes_again()
    {
        await _queue.Send(Job("a"));
        var first = (await _queue.Receive(_hold))!;

        Assert.Null(await _queue.Receive(_hold));
        Assert.True(await _queue.Abandon(first, TimeSpan.Zero));

        var second = (await _queue.Receive(_hold))!;
        Assert.Equal((first.Id, 2), (second.Id, second.Deliveries));
        Assert.False(await _queue.Complete(first));
        Assert.True(await _queue.Complete(second));
        Assert.Equal(0, _bus.Queue.Count);
    }

    [Theory]
    [InlineData("renew")]
    [InlineData("complete")]
    [InlineData("abandon")]
    [InlineData("abandon for later")]
    [InlineData("bury")]
    public async Task A_lock_that_ran_out_is_lost_and_its_holder_changes_nothing(string verb)
    {
        await _queue.Send(Job("a"));
        var lost = (await _queue.Receive(_hold))!;
        _clock.Advance(_hold + TimeSpan.FromSeconds(1));
        await using var other = new ServiceBusClient(_bus.Connection);
        var heir = (await Open(other).Receive(_hold))!;

        var isHeld = verb switch
        {
            "renew" => await _queue.Renew(lost, _hold),
            "complete" => await _queue.Complete(lost),
            "abandon" => await _queue.Abandon(lost, TimeSpan.Zero),
            "abandon for later" => await _queue.Abandon(lost, TimeSpan.FromSeconds(5)),
            _ => await _queue.DeadLetter(lost, "nan", "No numbers."),
        };

        Assert.False(isHeld);
        Assert.Equal((lost.Id, 2), (heir.Id, heir.Deliveries));
        Assert.Equal((1, 0), (_bus.Queue.Count, _bus.Dead.Count));
    }

    [Fact]
    public async Task A_renewed_lock_lasts()
    {
        await _queue.Send(Job("a"));
        var held = (await _queue.Receive(_hold))!;

        for (var i = 0; i < 3; i++)
        {
            _clock.Advance(_hold - TimeSpan.FromSeconds(1));
            Assert.True(await _queue.Renew(held, _hold));
        }

        Assert.True(await _queue.Complete(held));
        Assert.Equal(0, _bus.Queue.Count);
    }

    [Fact]
    public async Task A_lock_outlives_its_connection()
    {
        await _queue.Send(Job("a"));
        await _queue.Send(Job("b"));
        await _queue.Send(Job("c"));
        var (first, second, third) = ((await _queue.Receive(_hold))!, (await _queue.Receive(_hold))!, (await _queue.Receive(_hold))!);

        _bus.Restart();

        Assert.True(await _queue.Renew(first, _hold));
        Assert.True(await _queue.Complete(first));
        Assert.True(await _queue.DeadLetter(second, "nan", "No numbers."));
        Assert.True(await _queue.Abandon(third, TimeSpan.Zero));
        Assert.Equal((1, 1), (_bus.Queue.Count, _bus.Dead.Count));
    }

    [Fact]
    public async Task A_delayed_message_is_not_seen_before()
    {
        await _queue.Send(Job("a"), TimeSpan.FromMinutes(1));

        var early = await _queue.Receive(_hold);
        _clock.Advance(TimeSpan.FromSeconds(61));

        Assert.Null(early);
        Assert.Equal(1, (await _queue.Receive(_hold))!.Deliveries);
    }

    [Fact]
    public async Task Another_program_may_schedule_a_message()
    {
        await using var sender = _client.CreateSender(BusListener.Name);
        var number = await sender.ScheduleMessageAsync(new ServiceBusMessage(Job("a").ToJson()), _clock.GetUtcNow() + TimeSpan.FromMinutes(1));

        Assert.Equal([$"{number}"], (await _queue.Peek(10)).Select(job => job.Id));
        Assert.Null(await _queue.Receive(_hold));
        _clock.Advance(TimeSpan.FromSeconds(61));
        Assert.Equal($"{number}", (await _queue.Receive(_hold))!.Id);
    }

    [Fact]
    public async Task A_message_that_is_returned_for_later_is_sent_anew_and_counts_its_deliveries_on()
    {
        await _queue.Send(Job("a"));

        for (var delivery = 1; delivery <= 12; delivery++)
        {
            var taken = (await _queue.Receive(_hold))!;
            Assert.Equal((delivery, delivery - 1), (taken.Deliveries, JobMessage.Parse(taken.Body).Returned));
            Assert.True(await _queue.Abandon(taken, TimeSpan.FromSeconds(30)));
            Assert.Null(delivery < 3 ? await _queue.Receive(_hold) : null);
            _clock.Advance(TimeSpan.FromSeconds(31));
        }

        // More often than a message may be delivered, and all within the time in which an id counts once.
        Assert.Equal((1, 0, 0), (_bus.Queue.Count, _bus.Queue.Duplicates, _bus.Dead.Count));
    }

    [Fact]
    public async Task What_is_no_job_is_returned_at_once()
    {
        await SendRaw(new ServiceBusMessage("hello"));

        var returned = await _queue.Abandon((await _queue.Receive(_hold))!, TimeSpan.FromMinutes(1));

        Assert.True(returned);
        var again = (await _queue.Receive(_hold))!;
        Assert.Equal(("hello", 2), (again.Body, again.Deliveries));
    }

    [Fact]
    public async Task A_message_that_is_returned_too_often_is_buried_by_the_service()
    {
        await SendRaw(new ServiceBusMessage("hello"));
        for (var i = 0; i < 10; i++)
            await _queue.Abandon((await _queue.Receive(_hold))!, TimeSpan.Zero);

        Assert.Equal("MaxDeliveryCountExceeded", (await _queue.Dead(10)).Single().Reason);
    }

    [Fact]
    public async Task A_buried_message_is_dead_until_it_is_put_back_for_another_round()
    {
        await _queue.Send(Job("a") with { Returned = 150 });
        await _queue.Send(Job("b"));
        Assert.True(await _queue.DeadLetter((await _queue.Receive(_hold))!, FaultReason.BadInput, "It cannot be."));
        Assert.True(await _queue.DeadLetter((await _queue.Receive(_hold))!, FaultReason.Timeout, "It took too long."));

        var dead = await _queue.Dead(10);
        var revived = await _queue.Requeue(dead[0].Id);
        var alive = (await _queue.Receive(_hold))!;
        var job = JobMessage.Parse(alive.Body);

        Assert.Equal(["bad_input It cannot be.", "timeout It took too long."], dead.Select(letter => $"{letter.Reason} {letter.Message}"));
        Assert.Equal((1, "a", 1, 0, 1), (revived, job.JobId, job.Round, job.Returned, alive.Deliveries));
        Assert.Equal(["2"], (await _queue.Dead(10)).Select(letter => letter.Id));
        Assert.Equal(1, await _queue.Requeue(null));
        Assert.Equal((2, 0), (_bus.Queue.Count, _bus.Dead.Count));
    }

    [Fact]
    public async Task A_letter_can_be_put_back_again_and_again()
    {
        await _queue.Send(Job(new string('j', 128)));
        for (var round = 1; round <= 5; round++)
        {
            Assert.True(await _queue.DeadLetter((await _queue.Receive(_hold))!, "nan", "No numbers."));
            Assert.Equal(1, await _queue.Requeue(null));
        }

        Assert.Equal(5, JobMessage.Parse((await _queue.Receive(_hold))!.Body).Round);
    }

    [Fact]
    public async Task What_the_sender_gave_a_letter_stays_with_it()
    {
        await SendRaw(new ServiceBusMessage("hello") { MessageId = "theirs", Subject = "greeting", CorrelationId = "c1", ApplicationProperties = { ["tenant"] = "t1" } });
        Assert.True(await _queue.DeadLetter((await _queue.Receive(_hold))!, "bad_input", "No job."));

        Assert.Equal(1, await _queue.Requeue(null));
        var back = await _client.CreateReceiver(BusListener.Name).ReceiveMessageAsync();

        Assert.Equal(("hello", "greeting", "c1", "t1"), (back.Body.ToString(), back.Subject, back.CorrelationId, back.ApplicationProperties["tenant"]));
        Assert.Null(back.DeadLetterReason);
    }

    [Fact]
    public async Task Putting_all_letters_back_ends_while_a_worker_buries_them_again()
    {
        await _queue.Send(Job("a") with { Input = new JobInput { Width = 63 } });
        Assert.True(await _queue.DeadLetter((await _queue.Receive(_hold))!, "bad_input", "It cannot be."));
        await using var client = new ServiceBusClient(_bus.Connection);
        await using var worker = client.CreateProcessor(BusListener.Name);
        worker.ProcessMessageAsync += message => message.DeadLetterMessageAsync(message.Message, "bad_input", "Still.");
        worker.ProcessErrorAsync += _ => Task.CompletedTask;
        await worker.StartProcessingAsync();

        var revived = await _queue.Requeue(null).WaitAsync(TimeSpan.FromSeconds(20));

        Assert.Equal(1, revived);
        Assert.True(SpinWait.SpinUntil(() => _bus.Dead.Count == 1, TimeSpan.FromSeconds(20)));
        Assert.Equal(["Still."], (await _queue.Dead(10)).Select(letter => letter.Message));
    }

    [Fact]
    public async Task A_sentence_that_is_longer_than_the_service_takes_is_cut()
    {
        await _queue.Send(Job("a"));

        Assert.True(await _queue.DeadLetter((await _queue.Receive(_hold))!, "engine_dead", new string('x', 5000)));

        Assert.Equal(new string('x', 4095) + "…", (await _queue.Dead(1)).Single().Message);
    }

    [Fact]
    public async Task What_waits_or_is_dead_can_be_looked_at_again_and_again()
    {
        await _queue.Send(Job("a"));
        Assert.True(await _queue.DeadLetter((await _queue.Receive(_hold))!, "nan", "No numbers."));
        await _queue.Send(Job("b"));
        await _queue.Send(Job("c"), TimeSpan.FromMinutes(1));

        for (var look = 0; look < 2; look++)
        {
            Assert.Equal(["b", "c"], (await _queue.Peek(10)).Select(job => JobMessage.Parse(job.Body).JobId));
            Assert.Equal(["b"], (await _queue.Peek(1)).Select(job => JobMessage.Parse(job.Body).JobId));
            Assert.Equal(["a"], (await _queue.Dead(10)).Select(letter => JobMessage.Parse(letter.Body).JobId));
        }

        Assert.Equal(1, (await _queue.Receive(_hold))!.Deliveries);
    }

    [Fact]
    public async Task A_message_that_is_sent_twice_is_one_and_a_job_that_is_made_again_is_another()
    {
        var job = Job("a") with { CreatedAt = _clock.GetUtcNow() };

        await _queue.Send(job);
        await _queue.Send(job);
        await _queue.Complete((await _queue.Receive(_hold))!);
        await _queue.Send(job);
        Assert.Equal((0, 2), (_bus.Queue.Count, _bus.Queue.Duplicates));

        // A run that was canceled and is started again sends its jobs again.
        await _queue.Send(job with { CreatedAt = job.CreatedAt + TimeSpan.FromSeconds(1) });
        Assert.Equal(1, _bus.Queue.Count);
        _clock.Advance(TimeSpan.FromMinutes(11));
        await _queue.Send(job);
        Assert.Equal((2, 2), (_bus.Queue.Count, _bus.Queue.Duplicates));
    }

    [Theory]
    [InlineData(0, 0, "j.0.0")]
    [InlineData(2, 5, "j.2.5")]
    public void The_same_job_round_and_return_is_the_same_message(int round, int returned, string id) =>
        Assert.Equal(id, ServiceBusJobQueue.MessageId(new JobMessage { JobId = "j", Round = round, Returned = returned }));

    [Fact]
    public async Task The_longest_job_id_makes_an_id_that_the_service_takes()
    {
        await _queue.Send(Job(new string('j', 128)));
        await _queue.Send(Job(new string('j', 128)));
        await _queue.Send(Job(new string('j', 127) + "k"));

        Assert.Equal((2, 1), (_bus.Queue.Count, _bus.Queue.Duplicates));
    }

    [Fact]
    public async Task A_body_over_the_limit_leaves_its_input_in_a_blob()
    {
        var prompt = new string('☃', 90_000);

        await _queue.Send(Job("big") with { Input = new JobInput { Prompt = prompt } });
        var job = JobMessage.Parse((await _queue.Receive(_hold))!.Body);

        Assert.Null(job.Input.Prompt);
        Assert.Equal(prompt, (await ClaimCheck.Redeem(FileBlobs.Open(_folder.Path), job.Input, default)).Prompt);
    }

    [Fact]
    public async Task A_body_below_the_limit_goes_as_it_is()
    {
        var job = Job("long") with { Input = new JobInput { Prompt = new string('x', 190_000) } };

        await _queue.Send(job);

        Assert.Equal(job.ToJson(), (await _queue.Receive(_hold))!.Body);
    }

    [Theory]
    [InlineData("text")]
    [InlineData("bytes")]
    [InlineData("list")]
    public async Task Another_program_may_send_an_AMQP_value(string kind)
    {
        var (body, message) = (Job("a").ToJson(), new ServiceBusMessage());
        message.GetRawAmqpMessage().Body = kind switch
        {
            "text" => AmqpMessageBody.FromValue(body),
            "bytes" => AmqpMessageBody.FromValue(System.Text.Encoding.UTF8.GetBytes(body)),
            _ => AmqpMessageBody.FromSequence([[body]]),
        };
        var expected = kind == "list" ? "" : body;

        await SendRaw(message);

        Assert.Equal(expected, (await _queue.Peek(1)).Single().Body);
        var taken = (await _queue.Receive(_hold))!;
        Assert.Equal(expected, taken.Body);
        Assert.True(await _queue.DeadLetter(taken, "bad_input", "No."));
        Assert.Equal(expected, (await _queue.Dead(1)).Single().Body);
        Assert.Equal(1, await _queue.Requeue(null));
    }

    [Fact]
    public async Task A_service_that_is_down_is_a_sentence_and_is_found_again_when_it_is_up()
    {
        await _queue.Send(Job("a"));
        _bus.Down();

        var written = await Assert.ThrowsAsync<SanaException>(() => _queue.Send(Job("b")));
        var read = await Assert.ThrowsAsync<SanaException>(() => _queue.Receive(_hold));
        _bus.Restart();

        Assert.Equal("The queue sana-jobs of localhost cannot be written: the service does not answer; check the address and the network and try again.", written.Message);
        Assert.Equal("The queue sana-jobs of localhost cannot be read: the service does not answer; check the address and the network and try again.", read.Message);
        Assert.Equal("a", JobMessage.Parse((await _queue.Receive(_hold))!.Body).JobId);
    }

    [Fact]
    public async Task A_key_that_is_wrong_and_a_queue_that_is_missing_are_sentences()
    {
        await using var stranger = new ServiceBusClient(_bus.ConnectionWith("c3RyYW5nZXI="));

        var refused = await Assert.ThrowsAsync<SanaException>(() => Open(stranger).Send(Job("a")));
        var missing = await Assert.ThrowsAsync<SanaException>(() => Open(_client, "other").Send(Job("a")));

        Assert.StartsWith("The queue sana-jobs of localhost cannot be written: the service refuses;", refused.Message, StringComparison.Ordinal);
        Assert.Equal("The queue other of localhost cannot be written: the namespace has no queue of this name; make it as infra/bus.bicep does.", missing.Message);
    }

    [Fact]
    public async Task The_setting_ServiceBus_takes_a_connection_string()
    {
        var settings = new FunctionsSettings { Queue = "servicebus", ServiceBus = _bus.Connection };

        var queue = await AppQueue.Open(settings, FileBlobs.Open(_folder.Path), _clock, default);
        await queue.Send(Job("a"));

        Assert.Equal("a", JobMessage.Parse((await _queue.Receive(_hold))!.Body).JobId);
        Assert.Equal(default, await queue.Count());
        await ((ServiceBusJobQueue)queue).DisposeAsync();
    }

    [Theory]
    [InlineData("secret", null, "ServiceBus is not a connection string of Service Bus, ")]
    [InlineData("Endpoint=sb://a.example.net;SharedAccessKeyName=n;SharedAccessKey=c2VjcmV0;EntityPath=other", null, "ServiceBus is not a connection string of Service Bus, ")]
    [InlineData(null, "https://a b", "ServiceBus__fullyQualifiedNamespace is 'https://a b', which is no host name; ")]
    public async Task A_setting_that_cannot_be_used_is_a_sentence_without_its_key(string? connection, string? space, string sentence)
    {
        var settings = new FunctionsSettings { Queue = "servicebus", ServiceBus = connection, ServiceBusNamespace = space };

        var error = await Assert.ThrowsAsync<SanaException>(() => AppQueue.Open(settings, FileBlobs.Open(_folder.Path), _clock, default));

        Assert.StartsWith(sentence, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", error.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("c2VjcmV0", error.ToString(), StringComparison.Ordinal);
    }

    private static JobMessage Job(string id) => new() { JobId = id, Input = new JobInput { Prompt = "a cat" } };

    private ServiceBusJobQueue Open(ServiceBusClient client, string name = BusListener.Name) => new(client, name, FileBlobs.Open(_folder.Path), new QueueDepth(null, null!), _clock);

    private async Task SendRaw(ServiceBusMessage message)
    {
        await using var sender = _client.CreateSender(BusListener.Name);
        await sender.SendMessageAsync(message);
    }
}
