using Microsoft.Extensions.Time.Testing;
using Sana.Jobs.Durable;
using Sana.Jobs.Http;
using Sana.Jobs.Queue;
using Sana.Local.Queue;
using Sana.Storage.Blobs;
using Sana.Tests.Support;
using Xunit;

namespace Sana.Tests.Http;

public sealed class AdmissionTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly FakeTimeProvider _clock = new();
    private readonly SqliteJobQueue _queue;

    public AdmissionTests() => _queue = SqliteJobQueue.Open(SqliteJobQueue.InMemory, _clock);

    [Fact]
    public async Task While_the_first_count_runs_nobody_is_let_in_uncounted()
    {
        for (var i = 0; i < 3; i++)
            await _queue.Send(new JobMessage { JobId = $"waiting-{i}" });
        var admission = new Admission(Parts(maxQueued: 5));

        var entries = Enumerable.Range(0, 40).Select(_ => Task.Run(() => admission.Enter(needsWorker: false, CancellationToken.None))).ToArray();
        await Task.WhenAll(entries.Select(entry => entry.ContinueWith(_ => { }, TaskScheduler.Default)));

        Assert.Equal(2, entries.Count(entry => entry.IsCompletedSuccessfully));
        Assert.All(entries.Where(entry => entry.IsFaulted), entry => Assert.Equal(429, Assert.IsType<ApiException>(entry.Exception!.InnerException).Status));
    }

    [Fact]
    public async Task Each_who_is_turned_away_is_told_a_later_time_by_the_pace_of_the_queue()
    {
        for (var i = 0; i < 30; i++)
            await _queue.Send(new JobMessage { JobId = $"waiting-{i}" });
        var admission = new Admission(Parts(maxQueued: 20));
        for (var i = 0; i < 10; i++)
        {
            await Assert.ThrowsAsync<ApiException>(() => admission.Enter(needsWorker: false, CancellationToken.None));
            Assert.True(await _queue.Complete((await _queue.Receive(TimeSpan.FromMinutes(1)))!));
            _clock.Advance(TimeSpan.FromSeconds(5));
        }

        var first = await Assert.ThrowsAsync<ApiException>(() => admission.Enter(needsWorker: false, CancellationToken.None));
        var second = await Assert.ThrowsAsync<ApiException>(() => admission.Enter(needsWorker: false, CancellationToken.None));

        Assert.InRange(second.RetryAfter!.Value - first.RetryAfter!.Value, TimeSpan.FromSeconds(4.5), TimeSpan.FromSeconds(5.5));
    }

    public void Dispose()
    {
        _queue.Dispose();
        _folder.Dispose();
    }

    private ApiParts Parts(int maxQueued) => new()
    {
        Workflows = new WorkflowClient(() => throw new NotSupportedException()),
        Queue = _queue,
        Blobs = FileBlobs.Open(_folder.Path),
        Links = new SignedLinks(new byte[32], _clock),
        MaxQueued = maxQueued,
        Clock = _clock,
    };
}
