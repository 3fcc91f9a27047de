using System.Text;
using System.Text.Json;
using Amqp.Types;
using Azure.Messaging.ServiceBus;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Extensions.Hosting.Internal;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Sana.Inference.Diffusion;
using Sana.Jobs.Networks;
using Sana.Jobs.Queue;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Functions.Tests.ServiceBus;

/// <summary>
/// The trigger's ends of a message, against <see cref="BusListener"/>. The Functions host takes messages with the client library's processor, set up by <c>host.json</c>, and settles
/// one when the function says so; the same is done here.
/// </summary>
public sealed class SettlementTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly FakeTimeProvider _clock = new(TimeProvider.System.GetUtcNow());
    private readonly DurableClientHolder _engine = new();
    private readonly List<IDisposable> _opened = [];
    private readonly List<AppJobs> _jobs = [];
    private BusListener _bus;

    public SettlementTests() => _bus = new BusListener(clock: _clock);

    public void Dispose()
    {
        _jobs.ForEach(jobs => jobs.DisposeAsync().AsTask().GetAwaiter().GetResult());
        _opened.ForEach(part => part.Dispose());
        _bus.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_job_that_is_done_is_completed()
    {
        await Send(Job("j"));

        await using (await Host(await Gpu(new FakeRenderer())))
            await Until(() => _bus.Queue.Count == 0);

        Assert.Equal(0, _bus.Dead.Count);
        Assert.Equal(JobStatus.Succeeded, Result("j").Status);
    }

    [Fact]
    public async Task A_job_that_cannot_be_used_is_buried_with_reason_and_sentence()
    {
        await Send(Job("j") with { Input = new JobInput { Prompt = "a cat", Width = 63 } });

        await using (await Host(await Gpu(new FakeRenderer())))
            await Until(() => _bus.Dead.Count == 1);

        Assert.Equal(("bad_input", "Width 63 is not a multiple of 32."), Buried());
        Assert.Equal(0, _bus.Queue.Count);
    }

    [Fact]
    public async Task A_job_that_fails_for_now_is_sent_anew_for_later_until_it_succeeds()
    {
        await Send(Job("j"));
        var renderer = new FaultyRenderer();
        var gpu = await Gpu(renderer);
        renderer.Faults.Enqueue(new IOException("The disk is away."));
        renderer.Faults.Enqueue(new IOException("It still is."));

        await using (await Host(gpu))
        {
            await Until(() => Waiting() is { Returned: 1 });
            _clock.Advance(TimeSpan.FromSeconds(1.1));
            await Until(() => Waiting() is { Returned: 2 });
            _clock.Advance(TimeSpan.FromSeconds(2.1));
            await Until(() => _bus.Queue.Count == 0);
        }

        Assert.Equal((0, 0), (_bus.Dead.Count, _bus.Queue.Duplicates));
        Assert.Equal((JobStatus.Succeeded, 3), (Result("j").Status, Result("j").Attempts));
    }

    [Fact]
    public async Task While_the_networks_load_a_job_waits_a_minute_at_a_time_and_does_not_use_up_its_deliveries()
    {
        await Send(Job("j"));

        await using (await Host(await Gpu(renderer: null)))
        {
            for (var returned = 1; returned <= 11; returned++)
            {
                await Until(() => Waiting()?.Returned == returned);
                Assert.Equal(_clock.GetUtcNow().UtcDateTime.AddMinutes(1), Scheduled(), TimeSpan.FromSeconds(1));
                _clock.Advance(TimeSpan.FromSeconds(61));
            }
        }

        Assert.Equal(0, _bus.Dead.Count);
    }

    [Theory]
    [InlineData("hello")]
    [InlineData("")]
    [InlineData("{\"schema\":\"sana.job/2\"}")]
    public async Task What_is_no_job_is_buried_even_while_the_networks_load(string body)
    {
        await SendRaw(new ServiceBusMessage(body));

        await using (await Host(await Gpu(renderer: null)))
            await Until(() => _bus.Dead.Count == 1);

        Assert.Equal("bad_input", Buried().Reason);
        Assert.Single(Directory.GetFiles(_folder.Path, "unread-*", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task A_worker_that_stops_returns_its_message_at_once_and_the_attempt_does_not_count()
    {
        await Send(Job("j"));
        var renderer = new FaultyRenderer();
        var gpu = await Gpu(renderer);
        renderer.Hangs = true;
        using var stop = new CancellationTokenSource();
        await using var client = new ServiceBusClient(_bus.Connection);
        await using var receiver = client.CreateReceiver(BusListener.Name);

        var settling = gpu.Settle(await receiver.ReceiveMessageAsync(), new Actions(receiver), stop.Token);
        await Until(() => renderer.Sizes.Count == 2);
        await stop.CancelAsync();
        await settling;

        renderer.Hangs = false;
        var again = await receiver.ReceiveMessageAsync();
        Assert.Equal((2, 1), (again.DeliveryCount, _bus.Queue.Count));
        await gpu.Settle(again, new Actions(receiver), default);
        Assert.Equal((JobStatus.Succeeded, 1), (Result("j").Status, Result("j").Attempts));
    }

    [Fact]
    public async Task The_lock_is_renewed_while_a_render_takes_longer()
    {
        _bus.Dispose();
        _bus = new BusListener(new BusRules { Lock = TimeSpan.FromSeconds(2) }, TimeProvider.System);
        await Send(Job("j"));
        var renderer = new SlowRenderer(() => SpinWait.SpinUntil(() => _bus.Queue.Renewals >= 3, TimeSpan.FromSeconds(30)));

        await using (await Host(await Gpu(renderer)))
            await Until(() => _bus.Queue.Count == 0);

        Assert.Equal((1, 0), (renderer.Jobs, _bus.Dead.Count));
        Assert.True(_bus.Queue.Renewals >= 3);
    }

    [Fact]
    public async Task A_job_whose_lock_was_lost_is_completed_by_its_next_delivery_and_not_rendered_again()
    {
        await Send(Job("j"));
        var renderer = new SlowRenderer(() => _clock.Advance(TimeSpan.FromMinutes(6)));

        await using (await Host(await Gpu(renderer)))
            await Until(() => _bus.Queue.Count == 0);

        Assert.Equal((1, 0), (renderer.Jobs, _bus.Dead.Count));
        Assert.Equal((JobStatus.Succeeded, 1), (Result("j").Status, Result("j").Attempts));
    }

    [Fact]
    public async Task A_death_between_sending_anew_and_completing_leaves_one_message_after_the_next_return()
    {
        await Send(Job("j"));
        var gpu = await Gpu(renderer: null);
        await using var client = new ServiceBusClient(_bus.Connection);
        await using var receiver = client.CreateReceiver(BusListener.Name);

        await Assert.ThrowsAsync<IOException>(async () => await gpu.Settle(await receiver.ReceiveMessageAsync(), new Actions(receiver) { Dies = true }, default));
        Assert.Equal(2, _bus.Queue.Count);
        _clock.Advance(TimeSpan.FromMinutes(6));
        await gpu.Settle(await receiver.ReceiveMessageAsync(), new Actions(receiver), default);
        await gpu.Settle(await receiver.ReceiveMessageAsync(), new Actions(receiver), default);

        Assert.Equal((1, 1, 0), (_bus.Queue.Count, _bus.Queue.Duplicates, _bus.Dead.Count));
        Assert.Equal(2, Waiting()!.Returned);
    }

    [Fact]
    public async Task While_blobs_do_not_answer_a_message_is_held_for_each_delay_before_it_is_returned()
    {
        await Send(Job("j"));
        // A file stands where the folder of the blobs is to be.
        await File.WriteAllTextAsync(Blobs, "");
        var begun = _clock.GetUtcNow();

        await using (await Host(await Gpu(new FakeRenderer())))
        {
            await Until(() =>
            {
                _clock.Advance(TimeSpan.FromMilliseconds(100));
                return _bus.Queue.Peek(0, 1) is [{ Header.DeliveryCount: 3 }];
            });
            Assert.InRange(_clock.GetUtcNow() - begun, TimeSpan.FromSeconds(1 + 2 + 4), TimeSpan.FromMinutes(4));

            File.Delete(Blobs);
            await Until(() =>
            {
                _clock.Advance(TimeSpan.FromMilliseconds(100));
                return _bus.Queue.Count == 0;
            });
        }

        Assert.Equal((0, JobStatus.Succeeded), (_bus.Dead.Count, Result("j").Status));
    }

    private string Blobs => _folder.File("blobs");

    private static JobMessage Job(string id) => new() { JobId = id, Input = new JobInput { Prompt = "a cat", Width = 64, Height = 32 } };

    private static async Task Until(Func<bool> condition)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        while (!condition())
            await Task.Delay(10, limit.Token);
    }

    /// <summary>The job that waits in the queue under a message of its own; null when there is none, or two.</summary>
    private JobMessage? Waiting() => _bus.Queue.Messages is [var message] ? JobMessage.Parse(Encoding.UTF8.GetString((byte[])message.Body)) : null;

    private DateTime Scheduled() => (DateTime)_bus.Queue.Messages[0].MessageAnnotations[new Symbol("x-opt-scheduled-enqueue-time")];

    private (string Reason, string Sentence) Buried() =>
        _bus.Dead.Messages[0].ApplicationProperties is var said ? ((string)said["DeadLetterReason"], (string)said["DeadLetterErrorDescription"]) : default;

    private JobResult Result(string id) => JobResult.Parse(File.ReadAllBytes(Path.Combine(Blobs, "results", $"{id}.json")));

    private async Task Send(JobMessage job) => await SendRaw(new ServiceBusMessage(job.ToJson()) { MessageId = ServiceBusJobQueue.MessageId(job) });

    private async Task SendRaw(ServiceBusMessage message)
    {
        await using var client = new ServiceBusClient(_bus.Connection);
        await client.CreateSender(BusListener.Name).SendMessageAsync(message);
    }

    /// <summary>The gpu role's function on the bus; without a renderer its networks are still being loaded.</summary>
    private async Task<RenderFromServiceBus> Gpu(IRenderer? renderer)
    {
        var settings = new FunctionsSettings { Role = "gpu", Blobs = Blobs, Queue = "servicebus", ServiceBus = _bus.Connection, Checkpoint = "/weights" };
        var source = new RendererSource(_ => Task.FromResult(renderer!));
        var networks = new NetworkLoader();
        var jobs = new AppJobs(settings, _engine, source, networks, _clock);
        var warm = new WarmUp(source, _clock, NullLogger<WarmUp>.Instance);
        var processor = new MessageProcessor(jobs, warm, _clock, new ApplicationLifetime(NullLogger<ApplicationLifetime>.Instance), NullLogger<MessageProcessor>.Instance);
        _opened.AddRange(warm, source, networks);
        _jobs.Add(jobs);
        if (renderer is not null)
        {
            await warm.StartAsync(CancellationToken.None);
            await warm.ExecuteTask!;
        }

        return new RenderFromServiceBus(processor, _engine);
    }

    private async Task<IAsyncDisposable> Host(RenderFromServiceBus gpu)
    {
        using var host = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(Repository.Root, "host.json")));
        var options = host.RootElement.GetProperty("extensions").GetProperty("serviceBus");
        var client = new ServiceBusClient(_bus.Connection);
        var processor = client.CreateProcessor(BusListener.Name, new ServiceBusProcessorOptions
        {
            AutoCompleteMessages = options.GetProperty("autoCompleteMessages").GetBoolean(),
            MaxConcurrentCalls = options.GetProperty("maxConcurrentCalls").GetInt32(),
            PrefetchCount = options.GetProperty("prefetchCount").GetInt32(),
            MaxAutoLockRenewalDuration = TimeSpan.Parse(options.GetProperty("maxAutoLockRenewalDuration").GetString()!, System.Globalization.CultureInfo.InvariantCulture),
        });
        processor.ProcessMessageAsync += message => gpu.Settle(message.Message, new Actions(message), message.CancellationToken);
        processor.ProcessErrorAsync += _ => Task.CompletedTask;
        await processor.StartProcessingAsync();
        return new Running(client, processor);
    }

    private sealed class Running(ServiceBusClient client, ServiceBusProcessor processor) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            await processor.DisposeAsync();
            await client.DisposeAsync();
        }
    }

    /// <summary>What the host does when the function settles its message.</summary>
    private sealed class Actions : ServiceBusMessageActions
    {
        private readonly Func<ServiceBusReceivedMessage, Task> _complete;
        private readonly Func<ServiceBusReceivedMessage, Task> _abandon;
        private readonly Func<ServiceBusReceivedMessage, string?, string?, Task> _bury;

        public Actions(ProcessMessageEventArgs taken)
        {
            (_complete, _abandon) = (message => taken.CompleteMessageAsync(message), message => taken.AbandonMessageAsync(message));
            _bury = (message, reason, sentence) => taken.DeadLetterMessageAsync(message, reason, sentence);
        }

        public Actions(ServiceBusReceiver receiver)
        {
            (_complete, _abandon) = (message => receiver.CompleteMessageAsync(message), message => receiver.AbandonMessageAsync(message));
            _bury = (message, reason, sentence) => receiver.DeadLetterMessageAsync(message, reason, sentence);
        }

        /// <summary>The worker dies before its message is completed.</summary>
        public bool Dies { get; init; }

        public override Task CompleteMessageAsync(ServiceBusReceivedMessage message, CancellationToken cancellationToken = default) =>
            Dies ? throw new IOException("The worker died.") : _complete(message);

        public override Task AbandonMessageAsync(ServiceBusReceivedMessage message, IDictionary<string, object>? propertiesToModify = default, CancellationToken cancellationToken = default) =>
            _abandon(message);

        public override Task DeadLetterMessageAsync(
            ServiceBusReceivedMessage message,
            Dictionary<string, object>? propertiesToModify = default,
            string? deadLetterReason = default,
            string? deadLetterErrorDescription = default,
            CancellationToken cancellationToken = default) => _bury(message, deadLetterReason, deadLetterErrorDescription);
    }

    /// <summary>Does something in the middle of each render that is no warming up.</summary>
    private sealed class SlowRenderer(Action meanwhile) : IRenderer
    {
        private readonly FakeRenderer _inner = new();

        public int Jobs { get; private set; }

        public string Fingerprint => _inner.Fingerprint;

        public string ModelName => _inner.ModelName;

        public GenerateOptions Resolve(GenerateOptions options) => _inner.Resolve(options);

        public IReadOnlyList<GeneratedImage> Generate(
            IReadOnlyList<ImageRequest> batch, GenerateOptions resolved, IProgress<GenerateProgress>? progress, CancellationToken cancellationToken)
        {
            if (batch[0].Prompt == "a cat")
            {
                Jobs++;
                meanwhile();
            }

            return _inner.Generate(batch, resolved, progress, cancellationToken);
        }
    }
}
