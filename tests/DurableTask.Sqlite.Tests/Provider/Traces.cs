using System.Collections.Concurrent;
using System.Diagnostics;
using Xunit;

namespace DurableTask.Sqlite.Tests.Provider;

/// <summary>Distributed tracing: what a listener sees.</summary>
public sealed class Traces : IDisposable
{
    private readonly ConcurrentBag<Activity> _spans = [];
    private readonly ActivitySource _source = new("DurableTask.Sqlite.Tests.Traces");
    private readonly ActivityListener _listener;

    public Traces()
    {
        _listener = new ActivityListener
        {
            ShouldListenTo = source => source == _source || source.Name == "DurableTask.Core",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = _spans.Add,
        };
        ActivitySource.AddActivityListener(_listener);
    }

    public void Dispose()
    {
        _listener.Dispose();
        _source.Dispose();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Spans_hang_on_each_other_also_over_a_kill(bool isKilled)
    {
        await using var hub = await new TaskHub()
            .Activity<string, string>("Step", text => $"{Activity.Current?.TraceStateString} {text}")
            .Orchestration<string, string>("Child", (run, text) => run.Call<string>("Step", text))
            .Orchestration<string, string>("Parent", async (run, text) =>
            {
                var first = await run.Call<string>("Step", text);
                await run.Sleep(TimeSpan.FromMilliseconds(10));
                await run.Event("go");
                return $"{first}, {await run.Child<string>("Child", text)}";
            }).Start();
        using var request = _source.StartActivity("request")!;
        request.TraceStateString = "state=1";
        await hub.Begin("Parent", "hello", "i");
        await TaskHub.Eventually(() => hub.Count("history") > 0 && hub.Count("messages") == 0 && hub.Count("activities") == 0 && (long)hub.Ask("SELECT max(turn) FROM history")! >= 3);

        if (isKilled)
        {
            await hub.Kill();
            await hub.Start();
        }

        await hub.Raise("i", "go");
        var answer = TaskHub.Tell(await hub.Wait("i"));
        request.Stop();
        await hub.Close();

        Assert.Equal("Completed \"state=1 hello, state=1 hello\"", answer);
        var spans = _spans.Where(span => span.TraceId == request.TraceId).ToList();
        var known = spans.Select(span => span.SpanId).ToHashSet();
        Assert.All(spans.Where(span => span != request), span => Assert.Contains(span.ParentSpanId, known));
        var create = Assert.Single(Named(spans, "create_orchestration:Parent", ActivityKind.Producer));
        var parent = Assert.Single(Named(spans, "orchestration:Parent", ActivityKind.Server).DistinctBy(span => span.SpanId));
        var childClient = Assert.Single(Named(spans, "orchestration:Child", ActivityKind.Client));
        var child = Assert.Single(Named(spans, "orchestration:Child", ActivityKind.Server).DistinctBy(span => span.SpanId));
        var timer = Assert.Single(Named(spans, "orchestration:Parent:timer", ActivityKind.Internal));
        var stepClients = Named(spans, "activity:Step", ActivityKind.Client);
        var steps = Named(spans, "activity:Step", ActivityKind.Server);
        Assert.Equal((request.SpanId, create.SpanId, parent.SpanId), (create.ParentSpanId, parent.ParentSpanId, timer.ParentSpanId));
        Assert.Equal((parent.SpanId, childClient.SpanId), (childClient.ParentSpanId, child.ParentSpanId));
        Assert.Equal([parent.SpanId, child.SpanId], stepClients.OrderBy(span => span.StartTimeUtc).Select(span => span.ParentSpanId));
        Assert.Equal(stepClients.Select(span => span.SpanId).ToHashSet(), steps.Select(span => span.ParentSpanId).ToHashSet());
    }

    [Fact]
    public async Task A_trace_goes_on_through_continue_as_new()
    {
        await using var hub = await new TaskHub()
            .Activity<int, int>("Add", number => number + 1)
            .Orchestration<int, int>("Loop", async (run, number) =>
            {
                var next = await run.Call<int>("Add", number);
                if (next < 3)
                    run.Context.ContinueAsNew(next);
                return next;
            }).Start();
        using var request = _source.StartActivity("request")!;

        await hub.Play("Loop", 0, "i");
        request.Stop();
        await hub.Close();

        var spans = _spans.Where(span => span.TraceId == request.TraceId).ToList();
        Assert.Equal(3, Named(spans, "activity:Add", ActivityKind.Server).Count);
        Assert.Single(Named(spans, "orchestration:Loop", ActivityKind.Server).Select(span => span.SpanId).Distinct());
    }

    [Fact]
    public async Task A_rewound_instance_stays_in_its_trace()
    {
        var isBroken = true;
        await using var hub = await new TaskHub()
            .Activity<int, int>("Step", number => isBroken ? throw new InvalidDataException("broken") : number)
            .Orchestration<int, int>("Child", (run, number) => run.Call<int>("Step", number))
            .Orchestration<int, int>("Parent", (run, number) => run.Child<int>("Child", number)).Start();
        using var request = _source.StartActivity("request")!;
        await hub.Play("Parent", 1, "i");
        request.Stop();

        isBroken = false;
        await hub.Service.RewindTaskOrchestrationAsync("i", "repaired");

        Assert.Equal("Completed 1", TaskHub.Tell(await hub.Wait("i")));
        await hub.Close();
        Assert.Equal(2, Named(_spans.Where(span => span.TraceId == request.TraceId), "activity:Step", ActivityKind.Server).Count);
    }

    private static List<Activity> Named(IEnumerable<Activity> spans, string name, ActivityKind kind) => [.. spans.Where(span => span.OperationName == name && span.Kind == kind)];
}
