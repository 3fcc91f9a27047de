using Sana.Jobs.Queue;
using Sana.Jobs.Worker;
using Sana.Storage.Blobs;
using Sana.Tests.Support;
using Sana.Tests.Workflows;
using Xunit;

namespace Sana.Tests.Rendering;

/// <summary>Processes that die while they render: which deaths are the job's, and when it is given up.</summary>
public sealed class ProcessDeathTests : IAsyncDisposable
{
    private readonly FaultyRenderer _renderer = new();
    private readonly JobHost.Sqlite _host;

    public ProcessDeathTests() => _host = new JobHost.Sqlite { Renderer = _renderer };

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Fact]
    public async Task A_job_under_which_processes_die_five_times_is_given_up()
    {
        await Send("a");
        for (var death = 0; death < 5; death++)
            await Die(Process(death), isFirst: death == 0);

        var verdict = await _host.Turn();

        Assert.Equal((SettlementKind.DeadLetter, FaultReason.EngineDead), (verdict!.Kind, verdict.Reason));
        Assert.Equal(FaultReason.EngineDead, (await Result("a"))!.Error!.Code);
    }

    [Fact]
    public async Task After_a_death_the_others_go_first()
    {
        await Send("a");
        await Die(Process(0), isFirst: true);
        await Send("b");

        var (first, second) = ((await _host.Turn())!, (await _host.Turn())!);
        _host.Clock.Advance(TimeSpan.FromSeconds(1));
        var third = (await _host.Turn())!;

        Assert.Equal((SettlementKind.Abandon, SettlementKind.Complete, SettlementKind.Complete), (first.Kind, second.Kind, third.Kind));
        Assert.Equal((1, 2), ((await Result("b"))!.Attempts, (await Result("a"))!.Attempts));
    }

    [Fact]
    public async Task After_two_deaths_a_job_is_tried_when_nothing_else_waits()
    {
        await Send("a");
        await Die(Process(0), isFirst: true);
        await Die(Process(1));
        Assert.True((await _host.Turn())!.GoesLast);
        _host.Clock.Advance(TimeSpan.FromMinutes(1));
        await Send("b", priority: 0);
        await Send("c", priority: 0);

        var order = new List<string>();
        while (await _host.Turn() is not null)
            order.Add(string.Join(' ', await Done()));

        Assert.Equal(["b", "b c", "a b c"], order);
    }

    [Fact]
    public async Task A_machine_that_was_started_again_is_not_the_jobs_fault()
    {
        await Send("a");
        for (var death = 0; death < 7; death++)
            await Die(Process(death) with { Boot = $"boot {death}" }, isFirst: death == 0);

        Assert.Equal(SettlementKind.Abandon, (await _host.Turn())!.Kind);
        _host.Clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(SettlementKind.Complete, (await _host.Turn())!.Kind);
        Assert.Equal(JobStatus.Succeeded, (await Result("a"))!.Status);
    }

    [Fact]
    public async Task What_was_made_and_removed_may_be_made_again_any_number_of_times()
    {
        for (var process = 0; process < 7; process++)
        {
            await Send("a");
            var message = (await _host.Queue.Receive(TimeSpan.FromMinutes(1)))!;
            Assert.Equal(SettlementKind.Complete, (await Handler(_host.Blobs, Process(process)).Handle(message, null, default)).Kind);
            await _host.Queue.Complete(message);
            Assert.Equal(1, (await Result("a"))!.Attempts);
            Directory.Delete(_host.File("blobs/results"), recursive: true);
            Directory.Delete(_host.File("blobs/jobs"), recursive: true);
        }
    }

    [Fact]
    public async Task A_process_that_lives_has_not_died()
    {
        await Send("a");
        for (var death = 0; death < 7; death++)
            await Die(ProcessPlace.Current, isFirst: death == 0);

        _host.Clock.Advance(TimeSpan.FromMinutes(1));
        await _host.Turn();
        _host.Clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(SettlementKind.Complete, (await _host.Turn())!.Kind);
    }

    [Fact]
    public async Task A_worker_that_was_told_to_stop_and_then_killed_has_not_died_of_the_job()
    {
        _renderer.Hangs = true;
        await Send("a");
        for (var stop = 0; stop < 6; stop++)
        {
            var message = (await _host.Queue.Receive(TimeSpan.FromSeconds(1)))!;
            using var drain = new CancellationTokenSource();
            using var killed = new CancellationTokenSource();
            var blobs = new DyingBlobs(_host.Blobs) { DiesAt = null };
            var handling = Task.Run(() => Handler(blobs, Process(stop)).Handle(message, null, killed.Token, drain.Token));
            while (_renderer.Sizes.Count <= stop)
                await Task.Delay(1);
            await drain.CancelAsync();
            while (!(await Attempts()).Contains("told to stop", StringComparison.Ordinal) || Count(await Attempts(), "returned") <= stop)
                await Task.Delay(1);
            // Nothing that it does from here on reaches the disk.
            blobs.Die();
            await killed.CancelAsync();
            await Record.ExceptionAsync(() => handling);
            _host.Clock.Advance(TimeSpan.FromMinutes(1));
        }

        _renderer.Hangs = false;
        Assert.Equal(SettlementKind.Complete, (await _host.Turn())!.Kind);
        Assert.Equal((JobStatus.Succeeded, 1), ((await Result("a"))!.Status, (await Result("a"))!.Attempts));
    }

    private static int Count(string text, string word) => text.Split(word).Length - 1;

    /// <summary>Another process of this machine that is not there any more.</summary>
    private static ProcessPlace Process(int number) => ProcessPlace.Current with { Process = 4_194_304 + number, Started = 1 };

    private JobHandler Handler(IBlobs blobs, ProcessPlace here) => new(blobs, _host.Client, _host.Source, "jobs", _host.Options, _host.Clock, null, here);

    /// <summary>The process is gone between the log and the image. But the first one lets the others go before.</summary>
    private async Task Die(ProcessPlace here, bool isFirst = false)
    {
        var message = (await _host.Queue.Receive(TimeSpan.FromSeconds(1)))!;
        var process = Handler(new DyingBlobs(_host.Blobs), here);
        var verdict = await process.Handle(message, null, default);
        if (!isFirst)
        {
            Assert.Equal(SettlementKind.Abandon, verdict.Kind);
            await process.Handle(message, null, default);
        }

        _host.Clock.Advance(TimeSpan.FromMinutes(1));
    }

    private Task<bool> Send(string id, int priority = 5) =>
        _host.Queue.Send(new JobMessage { JobId = id, Priority = priority, Input = new JobInput { Prompt = "a cat", Seeds = [7, 8], Width = 64, Height = 32 } });

    private Task<JobResult?> Result(string id) => new JobResults(_host.Blobs).Read(id, default);

    private async Task<List<string>> Done()
    {
        var done = new List<string>();
        foreach (var id in new[] { "a", "b", "c" })
        {
            if (await Result(id) is not null)
                done.Add(id);
        }

        return done;
    }

    private async Task<string> Attempts() => System.Text.Encoding.UTF8.GetString(await _host.Blobs.Read("work/attempts/jobs/a.json", default) ?? []);

    /// <summary>Blobs of a process that dies as soon as it wants to write an image's timings.</summary>
    private sealed class DyingBlobs(IBlobs inner) : IBlobs
    {
        private volatile bool _dead;

        public string? DiesAt { get; init; } = "timings/";

        public string Place => inner.Place;

        public void Die() => _dead = true;

        public Task<bool> PutIfAbsent(string name, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) => Live(name).PutIfAbsent(name, bytes, cancellationToken);

        public Task Put(string name, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) => Live(name).Put(name, bytes, cancellationToken);

        public Task<byte[]?> Read(string name, CancellationToken cancellationToken) => Live(name).Read(name, cancellationToken);

        public Task Write(string name, Func<Stream, CancellationToken, Task> write, CancellationToken cancellationToken) => inner.Write(name, write, cancellationToken);

        public Task<Stream?> Open(string name, CancellationToken cancellationToken) => inner.Open(name, cancellationToken);

        public Task<bool> Exists(string name, CancellationToken cancellationToken) => Live(name).Exists(name, cancellationToken);

        public Task Delete(string name, CancellationToken cancellationToken) => inner.Delete(name, cancellationToken);

        public IAsyncEnumerable<BlobEntry> List(string prefix, CancellationToken cancellationToken) => inner.List(prefix, cancellationToken);

        private IBlobs Live(string name)
        {
            _dead |= DiesAt is { } place && name.StartsWith(place, StringComparison.Ordinal);
            return _dead ? throw new SanaException("dead") : inner;
        }
    }
}
