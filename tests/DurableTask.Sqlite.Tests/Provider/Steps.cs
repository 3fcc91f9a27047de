using System.Collections.Concurrent;
using System.Globalization;
using DurableTask.Core;
using DurableTask.Core.Exceptions;
using Xunit;

namespace DurableTask.Sqlite.Tests.Provider;

/// <summary>Activities: chains, fan-outs, failures.</summary>
public class Steps
{
    [Fact]
    public async Task An_orchestration_without_steps_returns()
    {
        await using var hub = await new TaskHub().Orchestration<string, string>("Empty", (_, text) => Task.FromResult(text)).Start();

        var state = await hub.Play("Empty", "hello");

        Assert.Equal(("Completed \"hello\"", "\"hello\"", "Empty"), (TaskHub.Tell(state), state.Input, state.Name));
        Assert.True(state.CreatedTime <= state.CompletedTime && state.CompletedTime <= state.LastUpdatedTime);
        Assert.Null(state.Tags);
        Assert.NotNull(state.OrchestrationInstance.ExecutionId);
    }

    [Fact]
    public async Task A_chain_of_steps_runs_once_and_replays_nothing()
    {
        var (calls, replays) = (new ConcurrentBag<int>(), 0);
        await using var hub = await new TaskHub()
            .Activity<int, int>("Add", number =>
            {
                calls.Add(number);
                return number + 1;
            })
            .Orchestration<int, int>("Chain", async (run, count) =>
            {
                var value = 0;
                while (value < count)
                {
                    if (run.Context.IsReplaying)
                        replays++;
                    value = await run.Call<int>("Add", value);
                }

                return value;
            }).Start();

        var answer = await hub.Answer("Chain", 40);

        Assert.Equal(("Completed 40", 40, 0), (answer, calls.Count, replays));
    }

    [Fact]
    public async Task Many_chains_run_beside_each_other()
    {
        await using var hub = await new TaskHub()
            .Activity<int, int>("Add", number => number + 1)
            .Orchestration<int, int>("Chain", async (run, value) =>
            {
                for (var step = 0; step < 10; step++)
                    value = await run.Call<int>("Add", value);
                return value;
            }).Start();

        var answers = await Task.WhenAll(Enumerable.Range(0, 100).Select(start => hub.Answer("Chain", start)));

        Assert.Equal(Enumerable.Range(10, 100).Select(end => $"Completed {end}"), answers);
    }

    [Fact]
    public async Task A_large_fan_out_runs_each_step_once()
    {
        var calls = new ConcurrentDictionary<int, int>();
        await using var hub = await new TaskHub()
            .Activity<int, int>("Same", number =>
            {
                calls.AddOrUpdate(number, 1, (_, count) => count + 1);
                return number;
            })
            .Orchestration<int, long>("FanOut", async (run, count) =>
                (await Task.WhenAll(Enumerable.Range(0, count).Select(number => run.Call<int>("Same", number)))).Sum(number => (long)number)).Start();

        var answer = await hub.Answer("FanOut", 2_000);

        Assert.Equal("Completed 1999000", answer);
        Assert.Equal(2_000, calls.Count);
        Assert.All(calls.Values, count => Assert.Equal(1, count));
    }

    [Fact]
    public async Task Two_fan_outs_follow_each_other()
    {
        await using var hub = await new TaskHub()
            .Activity<string, string>("Same", text => text)
            .Orchestration<int, string>("Twice", async (run, _) =>
            {
                var first = await Task.WhenAll(Enumerable.Range(0, 5).Select(number => run.Call<string>("Same", $"{number}")));
                var second = await Task.WhenAll(first.Select(text => run.Call<string>("Same", text + "!")));
                return string.Concat(second);
            }).Start();

        Assert.Equal("Completed \"0!1!2!3!4!\"", await hub.Answer("Twice", 1));
    }

    [Fact]
    public async Task Time_stands_still_between_two_steps_and_goes_on_after_them()
    {
        await using var hub = await new TaskHub()
            .Activity<DateTime, DateTime>("Same", time => time)
            .Orchestration<int, bool>("Clock", async (run, _) =>
            {
                var first = run.Context.CurrentUtcDateTime;
                var returned = await run.Call<DateTime>("Same", first);
                return first == returned && run.Context.CurrentUtcDateTime > first;
            }).Start();

        Assert.Equal("Completed true", await hub.Answer("Clock", 1));
    }

    [Theory]
    [InlineData(ErrorPropagationMode.UseFailureDetails)]
    [InlineData(ErrorPropagationMode.SerializeExceptions)]
    public async Task An_exception_that_nobody_catches_fails_the_orchestration(ErrorPropagationMode errors)
    {
        await using var hub = await new TaskHub { Errors = errors }
            .Activity<int, int>("Throw", _ => throw new InvalidDataException("no good"))
            .Orchestration<int, int>("Own", (_, _) => throw new InvalidDataException("no good"))
            .Orchestration<int, int>("OfStep", (run, _) => run.Call<int>("Throw", 1)).Start();

        var (own, ofStep) = (await hub.Play("Own", 1), await hub.Play("OfStep", 1));

        Assert.Equal((OrchestrationStatus.Failed, OrchestrationStatus.Failed), (own.OrchestrationStatus, ofStep.OrchestrationStatus));
        if (errors == ErrorPropagationMode.SerializeExceptions)
        {
            Assert.Equal(("no good", null), (own.Output, own.FailureDetails));
            Assert.Equal(("no good", null), (ofStep.Output, ofStep.FailureDetails));
            return;
        }

        Assert.Equal((typeof(InvalidDataException).FullName, "no good"), (own.FailureDetails.ErrorType, own.FailureDetails.ErrorMessage));
        Assert.NotNull(own.FailureDetails.StackTrace);
        Assert.Equal(typeof(TaskFailedException).FullName, ofStep.FailureDetails.ErrorType);
        Assert.Contains("Task 'Throw' (#0) failed with an unhandled exception: no good", ofStep.FailureDetails.ErrorMessage, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ErrorPropagationMode.UseFailureDetails)]
    [InlineData(ErrorPropagationMode.SerializeExceptions)]
    public async Task An_exception_of_a_step_can_be_caught(ErrorPropagationMode errors)
    {
        await using var hub = await new TaskHub { Errors = errors }
            .Activity<int, int>("Throw", _ => throw new InvalidDataException("no good"))
            .Orchestration<int, string>("Catches", async (run, _) =>
            {
                try
                {
                    return $"{await run.Call<int>("Throw", 1)}";
                }
                catch (TaskFailedException error)
                {
                    return error.FailureDetails?.ErrorMessage ?? error.Message;
                }
            }).Start();

        Assert.Equal("Completed \"no good\"", await hub.Answer("Catches", 1));
    }

    [Fact]
    public async Task A_step_is_tried_again_as_often_as_is_asked()
    {
        var tries = 0;
        await using var hub = await new TaskHub()
            .Activity<int, int>("Third", good => Interlocked.Increment(ref tries) is var now && now >= good ? now : throw new IOException(now.ToString(CultureInfo.InvariantCulture)))
            .Orchestration<int, int>("Retries", (run, good) =>
                run.Context.ScheduleWithRetry<int>("Third", "", new RetryOptions(TimeSpan.FromMilliseconds(1), 3), good)).Start();

        var first = await hub.Answer("Retries", 3);
        tries = 0;
        var second = await hub.Play("Retries", 9);

        Assert.Equal(("Completed 3", OrchestrationStatus.Failed, 3), (first, second.OrchestrationStatus, tries));
    }

    [Fact]
    public async Task Properties_of_a_failure_come_back_as_what_they_were()
    {
        await using var hub = await new TaskHub { Configure = worker => worker.ExceptionPropertiesProvider = new Properties() }
            .Activity<int, int>("Throw", _ => throw new InvalidDataException("no good"))
            .Orchestration<int, string>("Catches", async (run, _) =>
            {
                try
                {
                    return $"{await run.Call<int>("Throw", 1)}";
                }
                catch (TaskFailedException error)
                {
                    await run.Sleep(TimeSpan.FromMilliseconds(1));
                    return string.Join(' ', error.FailureDetails!.Properties!.Select(property => $"{property.Key}={property.Value}:{property.Value?.GetType().Name}"));
                }
            }).Start();
        await hub.Begin("Catches", 1, "i");
        await hub.Kill();
        await hub.Start();

        var answer = TaskHub.Tell(await hub.Wait("i"));

        Assert.Equal("Completed \"code=7:Int64 part=1.5:Double name=x:String good=False:Boolean none=:\"", answer.Replace("7:Int32", "7:Int64", StringComparison.Ordinal));
    }

    private sealed class Properties : IExceptionPropertiesProvider
    {
        public IDictionary<string, object?> GetExceptionProperties(Exception exception) =>
            new Dictionary<string, object?> { ["code"] = 7, ["part"] = 1.5, ["name"] = "x", ["good"] = false, ["none"] = null };
    }
}
