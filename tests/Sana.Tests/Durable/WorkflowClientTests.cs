using Sana.Jobs.Durable;
using Sana.Local.Hosting;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Durable;

/// <summary>The lists of instances, with the local engine.</summary>
public sealed class WorkflowClientTests : IDisposable
{
    private static readonly Orchestration<string, string> Echo = new("Echo");

    private readonly TempFolder _folder = new();
    private readonly SteppedClock _clock = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Pages_hold_each_instance_once_where_the_clock_was_set_back()
    {
        await using var host = await DurableHost.Open(new LocalOptions { Data = _folder.File("data"), Clock = _clock });
        string[] ids = ["a", "b", "c", "d", "e", "f"];
        foreach (var id in ids)
        {
            await host.Client.Start(Echo, id, id);
            _clock.Offset += id == "c" ? TimeSpan.FromHours(-2) : TimeSpan.FromMinutes(1);
        }

        var pages = new List<string>();
        for (var skip = 0; skip < 6; skip += 2)
            pages.AddRange((await host.Client.List("", limit: 2, skip)).Select(instance => instance.Id));

        Assert.Equal(ids.Reverse(), pages);
    }

    private sealed class SteppedClock : TimeProvider
    {
        public TimeSpan Offset { get; set; }

        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + Offset;
    }
}
