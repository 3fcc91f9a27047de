using Azure.Messaging.ServiceBus;
using Sana.Functions.Queue;
using Sana.Tests.Support;
using Sana.Workflows.Blobs;
using Sana.Workflows.Queue;
using Xunit;

namespace Sana.Functions.Tests.ServiceBus;

public sealed class ServiceBusJobQueueTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly BusListener _bus = new();

    [Fact]
    public async Task A_message_comes_as_it_was_sent()
    {
        await using var client = new ServiceBusClient(_bus.Connection);
        var queue = new ServiceBusJobQueue(client, BusListener.Name, FileBlobs.Open(_folder.Path), new QueueDepth(null, null!));
        var sw = System.Diagnostics.Stopwatch.StartNew();
        await queue.Send(new JobMessage { JobId = "j", Input = new JobInput { Prompt = "a cat" } });
        TestContext.Current.SendDiagnosticMessage($"send {sw.ElapsedMilliseconds}");
        sw.Restart();
        var got = (await queue.Receive(TimeSpan.FromSeconds(30)))!;
        TestContext.Current.SendDiagnosticMessage($"rec {sw.ElapsedMilliseconds}");
        sw.Restart();
        Assert.Equal(1, got.Deliveries);
        Assert.True(await queue.Renew(got, TimeSpan.FromSeconds(30)));
        Assert.True(await queue.Abandon(got, TimeSpan.Zero));
        TestContext.Current.SendDiagnosticMessage($"abn {sw.ElapsedMilliseconds}");
        sw.Restart();
        Assert.Single(await queue.Peek(10));
        var again = (await queue.Receive(TimeSpan.FromSeconds(30)))!;
        Assert.Equal(2, again.Deliveries);
        Assert.True(await queue.Bury(again, "a", "b"));
        TestContext.Current.SendDiagnosticMessage($"bury {sw.ElapsedMilliseconds}");
        sw.Restart();
        Assert.Equal("a", (await queue.Dead(1)).Single().Reason);
        Assert.Null(await queue.Receive(TimeSpan.FromSeconds(30)));
        TestContext.Current.SendDiagnosticMessage($"null {sw.ElapsedMilliseconds}");
        sw.Restart();
        await queue.Send(new JobMessage { JobId = "k", Input = new JobInput { Prompt = "a cat" } });
        Assert.NotNull(await queue.Receive(TimeSpan.FromSeconds(30)));
        TestContext.Current.SendDiagnosticMessage($"next {sw.ElapsedMilliseconds}");
        sw.Restart();
    }

    public void Dispose()
    {
        _bus.Dispose();
        _folder.Dispose();
    }
}
