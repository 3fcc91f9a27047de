using Sana.Inference;
using Sana.Jobs.Queue;
using Sana.Jobs.Worker;
using Sana.Tests.Support;
using Sana.Tests.Workflows;
using Xunit;

namespace Sana.Tests.Rendering;

/// <summary>A message from outside, from the queue to its result: what is made of each fault.</summary>
public sealed class JobHandlerTests : IAsyncDisposable
{
    private readonly FaultyRenderer _renderer = new();
    private readonly JobHost.Sqlite _host;

    public JobHandlerTests() => _host = new JobHost.Sqlite { Renderer = _renderer };

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Fact]
    public async Task A_message_becomes_images_and_a_result()
    {
        await Send(Job("01JABC") with { BatchId = "01J-B", Traceparent = "00-1" });

        Assert.Equal(SettlementKind.Complete, (await _host.Turn())!.Kind);
        var result = (await Result("01JABC"))!;

        Assert.Equal((JobStatus.Succeeded, "01JABC", "00-1", 1), (result.Status, result.JobId, result.Traceparent, result.Attempts));
        Assert.Equal(["jobs/01jabc/images/01j-b/01jabc/0000-7.png", "jobs/01jabc/images/01j-b/01jabc/0000-8.png"], result.Images.Select(image => image.Blob));
        Assert.All(result.Images, image => Assert.Equal((64, 32), (image.Width, image.Height)));
        Assert.True(await _host.Blobs.Exists(result.Images[1].Blob!, default));
        Assert.NotNull(result.Timings);
    }

    [Fact]
    public async Task A_duplicate_is_acknowledged_and_nothing_is_done()
    {
        await Send(Job("a"));
        await _host.Turn();
        var before = await Tree.Of(_host.Blobs, "");
        await Send(Job("a"));

        Assert.Equal(SettlementKind.Complete, (await _host.Turn())!.Kind);

        Assert.Single(_renderer.Sizes);
        Assert.Equal(before, await Tree.Of(_host.Blobs, ""));
    }

    [Fact]
    public async Task A_second_id_under_the_same_key_is_the_same_job()
    {
        await Send(Job("a") with { IdempotencyKey = "order 7" });
        await Send(Job("b") with { IdempotencyKey = "order 7" });
        await _host.Turn();
        await _host.Turn();

        var (first, second) = ((await Result("a"))!, (await Result("b"))!);

        Assert.Single(_renderer.Sizes);
        Assert.Equal("a", second.DuplicateOf);
        Assert.Equal(first.Images.Select(image => image.Blob), second.Images.Select(image => image.Blob));
    }

    [Fact]
    public async Task An_id_of_another_job_is_refused_and_its_result_stays()
    {
        await Send(Job("a"));
        await _host.Turn();
        await Send(Job("A"));

        var verdict = await _host.Turn();

        Assert.Equal((SettlementKind.DeadLetter, FaultReason.BadInput), (verdict!.Kind, verdict.Reason));
        Assert.Equal("a", (await Result("a"))!.JobId);
    }

    [Fact]
    public async Task The_same_id_with_another_prompt_is_refused_and_the_first_result_stays()
    {
        await Send(Job("a"));
        await _host.Turn();
        await Send(Job("a") with { Input = Job("a").Input with { Prompt = "something else" } });

        var verdict = await _host.Turn();

        Assert.Equal((SettlementKind.DeadLetter, FaultReason.BadInput), (verdict!.Kind, verdict.Reason));
        Assert.Equal(JobStatus.Succeeded, (await Result("a"))!.Status);
        Assert.Single(_renderer.Sizes);
    }

    [Fact]
    public async Task A_key_of_another_request_is_refused_with_a_result()
    {
        await Send(Job("a") with { IdempotencyKey = "order 7" });
        await Send(Job("b") with { IdempotencyKey = "order 7", Input = Job("b").Input with { Prompt = "something else" } });
        await _host.Turn();

        Assert.Equal(SettlementKind.DeadLetter, (await _host.Turn())!.Kind);

        var second = (await Result("b"))!;
        Assert.Equal((JobStatus.Failed, FaultReason.BadInput), (second.Status, second.Error!.Code));
        Assert.Empty(second.Images);
    }

    [Fact]
    public async Task An_id_whose_result_was_forgotten_is_painted_anew_for_another_request()
    {
        await Send(Job("a"));
        await _host.Turn();
        var first = (await Result("a"))!;
        foreach (var forgotten in new[] { "results/a.json", $"work/attempts/{_host.Queue.Name}/a.json" })
            await _host.Blobs.Delete(forgotten, default);
        await Send(Job("a") with { Input = Job("a").Input with { Prompt = "something else" } });

        Assert.Equal(SettlementKind.Complete, (await _host.Turn())!.Kind);

        Assert.Equal(2, _renderer.Sizes.Count);
        Assert.NotEqual(first.Images.Select(image => image.Sha256), (await Result("a"))!.Images.Select(image => image.Sha256));
    }

    public static TheoryData<string, string> BadBodies => new()
    {
        { "not json", "is not a sana.job/1" },
        { "[]", "schema is ''" },
        { """{"schema":"sana.job/2","job_id":"a"}""", "schema is 'sana.job/2'" },
        { """{"schema":"sana.job/1"}""", "is not a sana.job/1" },
        { """{"schema":"sana.job/1","job_id":"../../etc"}""", "job_id is not" },
        { """{"schema":"sana.job/1","job_id":"b000000001","input":{"prompt":"x"}}""", "job_id is not" },
        { """{"schema":"sana.job/1","job_id":"a"}""", "Prompt is empty" },
        { """{"schema":"sana.job/1","job_id":"a","input":{"prompt":"x\u0000y"}}""", "control character" },
        { """{"schema":"sana.job/1","job_id":"a","input":{"prompt":"x","width":33}}""", "multiple of 32" },
        { """{"schema":"sana.job/1","job_id":"a","input":{"prompt":"x","seeds":[1,1]}}""", "seeds has 2" },
        { """{"schema":"sana.job/1","job_id":"a","input":{"prompt":"x","scheduler":"ddim"}}""", "scheduler is none" },
        { """{"schema":"sana.job/1","job_id":"a","input":{"prompt":"x"},"output":{"prefix":"runs/../x/"}}""", "output.prefix" },
        { """{"schema":"sana.job/1","job_id":"a","input":{"prompt":"x"},"output":{"prefix":"work/x/"}}""", "output.prefix" },
        { """{"schema":"sana.job/1","job_id":"a","batch_id":"../x","input":{"prompt":"x"}}""", "job_id is not" },
        { """{"schema":"sana.job/1","job_id":"a","input":{"prompt_ref":"work/jobs/secret.json"}}""", "prompt_ref is not" },
        { """{"schema":"sana.job/1","job_id":"a","input":{"prompt_ref":"inputs/missing.json"}}""", "prompt_ref names no blob" },
        { """{"schema":"sana.job/1","job_id":"a","input":{"prompt_ref":"work/x/plan/000000.json","batch":"b000000000"}}""", "input.batch is for" },
        { """{"schema":"sana.job/1","job_id":null,"input":{"prompt":"x"}}""", "job_id is null" },
        { """{"schema":"sana.job/1","job_id":"a","input":{"prompt":"x"},"reply":{"instance":null,"event":"ended"}}""", "reply.instance" },
        { """{"schema":"sana.job/1","job_id":"a","input":{"prompt":"x"},"callback":{"url":null}}""", "callback.url is null" },
        { """{"schema":"sana.job/1","job_id":"a","input":{"prompt":"x"},"callback":{"url":"https://example.org/"}}""", "callback.secret_ref: The server has no webhook secret" },
        { """{"schema":"\ud800","job_id":"a","input":{"prompt":"x"}}""", "is not a sana.job/1" },
        { """{"schema":"sana.job/1","job_id":"\ud800","input":{"prompt":"x"}}""", "is not a sana.job/1" },
        { "{\"schema\":\"sana.job/1\",\"job_id\":\"\ud800\"}", "is not a sana.job/1" },
    };

    [Theory]
    [MemberData(nameof(BadBodies), DisableDiscoveryEnumeration = true)] // half a surrogate pair does not survive the way through a test runner
    public async Task What_is_no_job_is_buried_with_a_dump(string body, string why)
    {
        var message = new QueuedJob { Id = "1", Receipt = "r", Body = body, Deliveries = 1, Sent = _host.Clock.GetUtcNow() };

        var verdict = await _host.Handler.Handle(message, null, default);

        Assert.Equal((SettlementKind.DeadLetter, FaultReason.BadInput), (verdict.Kind, verdict.Reason));
        Assert.Contains(why, verdict.Message, StringComparison.Ordinal);
        Assert.Contains($"deadletter/jobs/{_host.Clock.GetUtcNow():yyyy'/'MM'/'dd}/", await Tree.Of(_host.Blobs, "deadletter/"), StringComparison.Ordinal);
        Assert.Empty(_renderer.Sizes);
    }

    [Fact]
    public async Task A_later_minor_schema_and_unknown_fields_are_read()
    {
        var body = """{"schema":"sana.job/1.4","job_id":"a","new":1,"input":{"prompt":"x","newer":{}},"output":null,"limits":null,"priority":3}""";
        var message = new QueuedJob { Id = "1", Receipt = "r", Body = body, Deliveries = 1, Sent = _host.Clock.GetUtcNow() };

        Assert.Equal(SettlementKind.Complete, (await _host.Handler.Handle(message, null, default)).Kind);
    }

    [Fact]
    public async Task Too_many_or_too_late_is_policy()
    {
        await Send(Job("many") with { Input = Job("x").Input with { Seeds = [.. Enumerable.Range(0, 65).Select(seed => (ulong)seed)] } });
        await Send(Job("late") with { NotAfter = _host.Clock.GetUtcNow().AddSeconds(-1) });

        Assert.Equal(FaultReason.Policy, (await _host.Turn())!.Reason);
        Assert.Equal(FaultReason.Policy, (await _host.Turn())!.Reason);

        Assert.Equal((JobStatus.Failed, FaultReason.Policy, false), ((await Result("many"))!.Status, (await Result("many"))!.Error!.Code, (await Result("many"))!.Error!.Retryable));
    }

    public static TheoryData<string, string, int> Retries => new()
    {
        { "bad_input", "bad_input", 1 },
        { "oom", "oom", 2 },
        { "nan", "nan", 5 },
        { "engine_dead", "engine_dead", 2 },
        { "transient_io", "transient_io", 5 },
        { "timeout", "timeout", 5 },
    };

    [Theory]
    [MemberData(nameof(Retries))]
    public async Task A_fault_that_stays_ends_after_its_own_number_of_attempts(string fault, string reason, int attempts)
    {
        _renderer.Hangs = fault == "timeout";
        for (var i = 0; i < 20 && !_renderer.Hangs; i++)
            _renderer.Faults.Enqueue(Fault(fault));
        await Send(Job("a") with { Limits = new JobLimits(5, 1) });

        var last = await WorkUntilBuried();

        Assert.Equal(reason, last.Reason);
        Assert.Equal(attempts, _renderer.Sizes.Count);
        Assert.Equal((JobStatus.Failed, reason, attempts), ((await Result("a"))!.Status, (await Result("a"))!.Error!.Code, (await Result("a"))!.Attempts));
        Assert.Equal(reason, Assert.Single(await _host.Queue.Dead(10)).Reason);
        Assert.Contains("/a.json", await Tree.Of(_host.Blobs, "deadletter/"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("oom")]
    [InlineData("nan")]
    [InlineData("engine_dead")]
    [InlineData("transient_io")]
    public async Task A_fault_that_passes_is_survived(string fault)
    {
        _renderer.Faults.Enqueue(Fault(fault));
        await Send(Job("a"));

        Assert.Equal((SettlementKind.Abandon, fault), ((await _host.Turn())! is var first ? first.Kind : default, first!.Reason));
        _host.Clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(SettlementKind.Complete, (await _host.Turn())!.Kind);

        Assert.Equal((JobStatus.Succeeded, 2), ((await Result("a"))!.Status, (await Result("a"))!.Attempts));
    }

    [Fact]
    public async Task A_render_that_is_called_off_costs_no_attempt()
    {
        _renderer.Hangs = true;
        await Send(Job("a") with { Limits = new JobLimits(MaxAttempts: 1) });
        var message = (await _host.Queue.Receive(TimeSpan.FromMinutes(1)))!;
        using var stop = new CancellationTokenSource();

        var handling = Task.Run(() => _host.Handler.Handle(message, null, stop.Token));
        await Eventually(() => _renderer.Sizes.Count == 1);
        await stop.CancelAsync();
        var verdict = await handling;
        await _host.Queue.Abandon(message, verdict.Delay);
        _renderer.Hangs = false;

        Assert.Equal((SettlementKind.Abandon, TimeSpan.Zero), (verdict.Kind, verdict.Delay));
        Assert.Equal(SettlementKind.Complete, (await _host.Turn())!.Kind);
        Assert.Equal(1, (await Result("a"))!.Attempts);
    }

    [Fact]
    public async Task A_dead_letter_that_is_put_back_starts_afresh()
    {
        _renderer.Faults.Enqueue(Fault("bad_input"));
        await Send(Job("a"));
        await _host.Turn();

        Assert.Equal(1, await _host.Queue.Requeue(null));
        Assert.Equal(SettlementKind.Complete, (await _host.Turn())!.Kind);

        Assert.Equal((JobStatus.Succeeded, 1, 1), ((await Result("a"))!.Status, (await Result("a"))!.Round, (await Result("a"))!.Attempts));
    }

    [Fact]
    public async Task An_image_without_numbers_fails_alone_after_a_second_attempt()
    {
        await Send(Job("a") with { Input = Job("a").Input with { Prompt = "broken" } });

        Assert.Equal(FaultReason.Nan, (await _host.Turn())!.Reason);
        _host.Clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(SettlementKind.Complete, (await _host.Turn())!.Kind);

        Assert.Equal((JobStatus.Failed, "nan"), ((await Result("a"))!.Status, (await Result("a"))!.Images[0].Reason));
    }

    [Fact]
    public async Task An_input_in_a_blob_is_the_input()
    {
        await _host.Blobs.PutIfAbsent("inputs/mine.json", """{"prompt":"a cat","seeds":[3],"width":64,"height":32}"""u8.ToArray(), default);
        await Send(Job("a") with { Input = new JobInput { PromptRef = "inputs/mine.json" } });

        await _host.Turn();

        Assert.Equal(3UL, Assert.Single((await Result("a"))!.Images).Seed);
    }

    private static Exception Fault(string reason) => reason switch
    {
        "bad_input" => new InferenceException("no"),
        "oom" => new InsufficientMemoryException(),
        "nan" => new JobFaultException(FaultReason.Nan, "no numbers"),
        "engine_dead" => new InvalidOperationException("broken"),
        _ => new SanaException("the disk is away"),
    };

    private static JobMessage Job(string id) => new() { JobId = id, Input = new JobInput { Prompt = "a cat", Seeds = [7, 8], Width = 64, Height = 32 } };

    private Task<JobResult?> Result(string id) => new JobResults(_host.Blobs).Read(id, default);

    private Task<bool> Send(JobMessage job) => _host.Queue.Send(job);

    private async Task<Settlement> WorkUntilBuried()
    {
        for (var turn = 0; turn < 30; turn++)
        {
            if (await _host.Turn() is { Kind: SettlementKind.DeadLetter } last)
                return last;
            _host.Clock.Advance(TimeSpan.FromMinutes(10));
        }

        throw new Xunit.Sdk.XunitException("It was never buried.");
    }

    private static async Task Eventually(Func<bool> holds)
    {
        while (!holds())
            await Task.Delay(1, TestContext.Current.CancellationToken);
    }
}
