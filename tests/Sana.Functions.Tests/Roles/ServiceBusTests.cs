using Azure.Messaging.ServiceBus;
using Grpc.Net.Client;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client.Grpc;
using Microsoft.Extensions.Logging.Abstractions;
using Sana.Functions.Queue;
using Sana.Functions.Rendering;
using Sana.Workflows.Queue;
using Xunit;

namespace Sana.Functions.Tests.Roles;

/// <summary>The Service Bus trigger's three ends. Service Bus itself cannot run here; what the function tells it is recorded.</summary>
[Collection(OneAzurite.Turns)]
public sealed class ServiceBusTests(OneAzurite azurite) : IAsyncLifetime
{
    private App _gpu = null!;

    public async ValueTask InitializeAsync() => _gpu = new App(azurite.Connection, await azurite.Fresh(), "gpu");

    public ValueTask DisposeAsync()
    {
        _gpu.Dispose();
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task A_job_that_is_done_is_completed_once()
    {
        await _gpu.WarmedUp();

        var told = await Run(new JobMessage { JobId = "j1", Input = new JobInput { Prompt = "a cat", Width = 64, Height = 32 } }.ToJson());

        Assert.Equal(["complete"], told);
        Assert.True(await (await _gpu.Wiring.Get(default)).Blobs.Exists("results/j1.json", default));
    }

    [Fact]
    public async Task A_job_that_cannot_be_used_is_buried_with_reason_and_sentence()
    {
        await _gpu.WarmedUp();

        var told = await Run(new JobMessage { JobId = "j2", Input = new JobInput { Prompt = "a cat", Width = 63 } }.ToJson());

        Assert.Equal(["bury bad_input: Width 63 is not a multiple of 32."], told);
    }

    [Fact]
    public async Task A_job_for_later_is_sent_anew_and_counts_its_deliveries_on()
    {
        var told = await Run(new JobMessage { JobId = "j3", Input = new JobInput { Prompt = "a cat" }, Returned = 4 }.ToJson(), deliveries: 2);

        Assert.Equal(["complete"], told);
        var queue = (await _gpu.Wiring.Get(default)).Queue;
        Assert.Equal(1, (await queue.Count()).Waiting);
    }

    [Fact]
    public async Task What_is_no_job_and_cannot_be_handled_yet_goes_back_as_it_is() => Assert.Equal(["abandon"], await Run("hello"));

    [Theory]
    [InlineData(0, 0, "j.0.0")]
    [InlineData(2, 5, "j.2.5")]
    public void The_same_job_round_and_return_is_the_same_message(int round, int returned, string id) =>
        Assert.Equal(id, ServiceBusJobQueue.MessageId(new JobMessage { JobId = "j", Round = round, Returned = returned }));

    private async Task<List<string>> Run(string body, int deliveries = 1)
    {
        var actions = new Recorded();
        var message = ServiceBusModelFactory.ServiceBusReceivedMessage(
            body: new BinaryData(body), deliveryCount: deliveries, lockTokenGuid: Guid.NewGuid(), sequenceNumber: 7, enqueuedTime: TimeProvider.System.GetUtcNow());
        // Nobody waits for these jobs, so the hub is never asked.
        using var nowhere = GrpcChannel.ForAddress("http://127.0.0.1:9");
        await using var hub = new GrpcDurableTaskClient("hub", new GrpcDurableTaskClientOptions { Channel = nowhere }, NullLogger.Instance);
        await new RenderFromServiceBus(_gpu.Desk, _gpu.Engine).Run(message, actions, hub, new App.Invocation());
        return actions.Told;
    }

    private sealed class Recorded : ServiceBusMessageActions
    {
        public List<string> Told { get; } = [];

        public override Task CompleteMessageAsync(ServiceBusReceivedMessage message, CancellationToken cancellationToken = default) => Tell("complete");

        public override Task AbandonMessageAsync(
            ServiceBusReceivedMessage message, IDictionary<string, object>? propertiesToModify = default, CancellationToken cancellationToken = default) => Tell("abandon");

        public override Task DeadLetterMessageAsync(
            ServiceBusReceivedMessage message,
            Dictionary<string, object>? propertiesToModify = default,
            string? deadLetterReason = default,
            string? deadLetterErrorDescription = default,
            CancellationToken cancellationToken = default) => Tell($"bury {deadLetterReason}: {deadLetterErrorDescription}");

        private Task Tell(string what)
        {
            Told.Add(what);
            return Task.CompletedTask;
        }
    }
}
