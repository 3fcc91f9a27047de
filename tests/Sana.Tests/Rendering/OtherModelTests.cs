using Sana.Jobs.Durable;
using Sana.Jobs.Generation;
using Sana.Jobs.Queue;
using Sana.Jobs.Worker;
using Sana.Tests.Support;
using Sana.Tests.Workflows;
using Xunit;

namespace Sana.Tests.Rendering;

/// <summary>Messages, plans and images of one checkpoint before a worker with another.</summary>
public sealed class OtherModelTests : IAsyncDisposable
{
    private readonly FakeRenderer _first = new();
    private readonly FakeRenderer _other = new() { Fingerprint = new('a', 64) };
    private JobHost? _host;

    public ValueTask DisposeAsync() => _host?.DisposeAsync() ?? ValueTask.CompletedTask;

    [Fact]
    public async Task A_message_for_another_fingerprint_is_left_and_shown_until_its_worker_comes()
    {
        _host = new JobHost.Sqlite { Renderer = _other };
        await _host.Queue.Send(Job("a", new JobModel(null, $"sha256:{_first.Fingerprint}")));

        // Far more often than any message is delivered that fails.
        for (var turn = 0; turn < 210; turn++)
        {
            var left = (await _host.Turn())!;
            Assert.Equal((SettlementKind.Abandon, FaultReason.ModelMismatch), (left.Kind, left.Reason));
            _host.Clock.Advance(left.Delay);
        }

        Assert.Contains("model_mismatch: 1 message waits. This is for the model sha256:ffffffffffff…", _host.Handler.Left.Sentence, StringComparison.Ordinal);
        Assert.Equal(FaultReason.ModelMismatch, Assert.Single(await _host.Queue.Peek(1)).Reason);
        Assert.Empty(_other.Batches);

        _host.Renderer = _first;
        _host.Source.Reset();
        Assert.Equal(SettlementKind.Complete, (await _host.Turn())!.Kind);
        Assert.Null(_host.Handler.Left.Sentence);
    }

    [Theory]
    [InlineData("other", true)]
    [InlineData("someone/other", true)]
    [InlineData("fake", false)]
    [InlineData("FAKE", false)]
    [InlineData("", false)]
    public async Task A_message_that_names_another_model_is_refused(string name, bool isRefused)
    {
        _host = new JobHost.Sqlite { Renderer = _first };
        await _host.Queue.Send(Job("a", new JobModel(name)));

        var verdict = (await _host.Turn())!;

        Assert.Equal(isRefused ? SettlementKind.DeadLetter : SettlementKind.Complete, verdict.Kind);
        Assert.Equal(isRefused ? FaultReason.ModelMismatch : null, verdict.Reason);
        Assert.Equal(isRefused ? 0 : 1, _first.Batches.Count);
        if (isRefused)
            Assert.Contains($"'{name}' and this worker has 'fake'", (await new JobResults(_host.Blobs).Read("a", default))!.Error!.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_run_is_of_one_checkpoint_alone()
    {
        _host = await JobHost.Sqlite.Start();
        _host.Renderer = _first;
        var id = (await GenerateSubmission.Start(_host.Client, _host.Blobs, _first.Fingerprint, JobScenarios.Job(), null, default)).Instance.Id;
        while ((await _host.Queue.Count()).Waiting < 2)
            await Task.Delay(1);
        await _host.Turn();

        _host.Renderer = _other;
        _host.Source.Reset();
        while (await _host.Turn() is { } left)
            Assert.Equal(FaultReason.ModelMismatch, left.Reason);
        var refused = GenerateSubmission.WhyNot((await _host.Client.Get(id))!, _other);

        _host.Renderer = _first;
        _host.Source.Reset();
        _host.Clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(WorkflowStatus.Completed, (await _host.Work(id)).Status);

        Assert.Empty(_other.Batches);
        Assert.Contains("begun with checkpoint sha256:ffffffffffff…, and this is 'fake' sha256:aaaaaaaaaaaa…", refused, StringComparison.Ordinal);
        Assert.Null(GenerateSubmission.WhyNot((await _host.Client.Get(id))!, _first));
    }

    [Fact]
    public async Task A_run_that_was_asked_for_with_another_checkpoint_is_not_planned()
    {
        _host = await JobHost.Sqlite.Start();
        _host.Renderer = _other;
        var id = (await GenerateSubmission.Start(_host.Client, _host.Blobs, _first.Fingerprint, JobScenarios.Job(), null, default)).Instance.Id;

        var end = await _host.Work(id);

        Assert.Equal(WorkflowStatus.Failed, end.Status);
        Assert.Contains("go on with the first one, its precision and its judges, or start another run", end.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_image_of_another_checkpoint_is_made_again()
    {
        _host = new JobHost.Sqlite { Renderer = _other };
        await _host.Queue.Send(Job("a", null));
        Assert.Equal(SettlementKind.Complete, (await _host.Turn())!.Kind);
        await foreach (var blob in _host.Blobs.List("results/", default))
            File.Delete(_host.File($"blobs/{blob.Name}"));

        _host.Renderer = _first;
        _host.Source.Reset();
        await _host.Queue.Send(Job("a", null));
        var again = (await _host.Turn())!;

        Assert.Equal((SettlementKind.Complete, null), (again.Kind, again.Message));
        Assert.Single(_first.Batches);
        Assert.DoesNotContain(new string('a', 64), System.Text.Encoding.UTF8.GetString((await _host.Blobs.Read("jobs/a/images/a/a/0000-7.json", default))!), StringComparison.Ordinal);
    }

    private static JobMessage Job(string id, JobModel? model) => new() { JobId = id, Model = model, Input = new JobInput { Prompt = "a cat", Seeds = [7], Width = 64, Height = 32 } };
}
