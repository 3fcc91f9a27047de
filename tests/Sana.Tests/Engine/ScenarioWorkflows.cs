using Sana.Workflows.Contract;
using static Sana.Tests.Engine.Fakes;

namespace Sana.Tests.Engine;

/// <summary>The orchestrations of the scenarios. Each says in a few lines what it is about.</summary>
internal static class ScenarioWorkflows
{
    public static readonly Workflow<int, int> Chain = new("chain");
    public static readonly Workflow<string, int> Retries = new("retries");
    public static readonly Workflow<string, string> GivesUp = new("gives-up");
    public static readonly Workflow<string, string> Recovers = new("recovers");
    public static readonly Workflow<string, string> NotWorthRetrying = new("not-worth-retrying");
    public static readonly Workflow<int, string> Listens = new("listens");
    public static readonly Workflow<int, string> ListensInTime = new("listens-in-time");
    public static readonly Workflow<int, bool> Sleeps = new("sleeps");
    public static readonly Workflow<int, int> TidiesUp = new("tidies-up");
    public static readonly Workflow<int, int> TwoGates = new("two-gates");
    public static readonly Workflow<int, string> Parent = new("parent");
    public static readonly Workflow<int, int> Waits = new("waits");
    public static readonly Workflow<Round, string> Rounds = new("rounds");
    public static readonly Workflow<int, int> FansOut = new("fans-out");
    public static readonly Workflow<int, long> ManyChildren = new("many-children");
    public static readonly Workflow<int, bool> Unique = new("unique");

    /// <summary>Where a run of <see cref="Rounds"/> begins.</summary>
    internal sealed record Round(int Number, string Heard);

    public static WorkflowRegistry Register(WorkflowRegistry registry) => registry
        .Add(Chain, Of<int, int>(async (context, number) =>
            await context.Call(Fakes.Double, await context.Call(Fakes.Double, number))))
        .Add(Retries, Of<string, int>((context, key) =>
            context.Call(Flaky, key, new StepRetry { MaxAttempts = 5, FirstInterval = TimeSpan.FromMinutes(1) })))
        .Add(GivesUp, Of<string, string>(async (context, key) =>
            $"{await context.Call(Doomed, key, new StepRetry { MaxAttempts = 2 })}"))
        .Add(Recovers, Of<string, string>(async (context, key) =>
        {
            try
            {
                return $"{await context.Call(Doomed, key)}";
            }
            catch (StepFailedException error)
            {
                return $"{error.StepName} / {error.ErrorType} / {error.ErrorMessage} / {error.Attempts} / {await context.Call(Fakes.Double, 21)}";
            }
        }))
        .Add(NotWorthRetrying, Of<string, string>(async (context, key) =>
            $"{await context.Call(Doomed, key, new StepRetry { MaxAttempts = 9, ExceptFor = [typeof(InvalidDataException).FullName!] })}"))
        .Add(Listens, Of<int, string>(async (context, number) =>
        {
            await context.Call(Gated, number);
            context.SetStatus("listening");
            return $"{await context.WaitForEvent<string>("word")} {await context.WaitForEvent<string>("word")}";
        }))
        .Add(ListensInTime, Of<int, string>(async (context, minutes) =>
        {
            context.SetStatus("listening");
            try
            {
                return await context.WaitForEvent<string>("word", TimeSpan.FromMinutes(minutes));
            }
            catch (TimeoutException)
            {
                return "nobody spoke";
            }
        }))
        .Add(Sleeps, Of<int, bool>(async (context, hours) =>
        {
            var begin = context.UtcNow;
            await context.Sleep(TimeSpan.FromHours(hours));
            return context.UtcNow - begin >= TimeSpan.FromHours(hours);
        }))
        .Add(TidiesUp, Of<int, int>(async (context, number) =>
        {
            try
            {
                await Task.WhenAll(context.Call(Gated, number), context.WaitForEvent<int>("never"), context.Sleep(TimeSpan.FromDays(30)));
            }
            catch (WorkflowCanceledException)
            {
                context.SetStatus(await context.Call(Fakes.Double, number));
                throw;
            }

            return number;
        }))
        .Add(TwoGates, Of<int, int>(async (context, number) =>
            await context.Call(Gated, number) + await context.Call(Gated, number)))
        .Add(Parent, Of<int, string>(async (context, number) =>
        {
            var good = await context.CallWorkflow(Chain, number, $"{context.InstanceId}/good");
            try
            {
                return await context.CallWorkflow(GivesUp, "nothing", $"{context.InstanceId}/bad");
            }
            catch (StepFailedException error)
            {
                return $"{good}, {error.StepName}: {error.ErrorMessage}";
            }
        }))
        .Add(Waits, Of<int, int>((context, number) => context.CallWorkflow(TidiesUp, number, $"{context.InstanceId}/child")))
        .Add(Rounds, Of<Round, string>(async (context, round) =>
        {
            var heard = round.Heard + await context.WaitForEvent<string>("letter") + await context.Call(Fakes.Double, round.Number);
            if (round.Number < 4)
                context.ContinueAsNew(new Round(round.Number + 1, heard));
            return heard;
        }))
        .Add(FansOut, Of<int, int>(async (context, count) =>
        {
            var first = await context.ForEach(Enumerable.Range(0, count).ToList(), 4, number => context.Call(Fakes.Double, number));
            var second = await context.ForEach(first, 4, number => context.Call(Gated, number));
            return second.Sum();
        }))
        .Add(ManyChildren, Of<int, long>(async (context, count) =>
        {
            var results = await context.ForEach(
                Enumerable.Range(0, count).ToList(), 100, number => context.CallWorkflow(Chain, number, $"{context.InstanceId}/{number}"));
            return results.Sum(result => (long)result);
        }))
        .Add(Unique, Of<int, bool>(async (context, count) =>
        {
            var ids = new List<Guid>();
            for (var index = 0; index < count; index++)
            {
                ids.Add(context.NewId());
                await context.Call(Fakes.Double, ids[^1].GetHashCode());
            }

            return ids.Distinct().Count() == count;
        }));

    internal static Func<IWorkflow<TIn, TOut>> Of<TIn, TOut>(Func<IWorkflowContext, TIn, Task<TOut>> run) => () => new Lines<TIn, TOut>(run);

    private sealed class Lines<TIn, TOut>(Func<IWorkflowContext, TIn, Task<TOut>> run) : IWorkflow<TIn, TOut>
    {
        public Task<TOut> Run(IWorkflowContext context, TIn input) => run(context, input);
    }
}
