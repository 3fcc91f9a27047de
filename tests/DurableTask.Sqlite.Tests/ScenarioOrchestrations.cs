using Microsoft.DurableTask;

namespace DurableTask.Sqlite.Tests;

/// <summary>The orchestrations of the scenarios, in Microsoft's words. Each says in a few lines what it is about.</summary>
internal static class ScenarioOrchestrations
{
    /// <summary>Where an execution of Rounds begins.</summary>
    internal sealed record Round(int Number, string Heard);

    public static void AddTo(DurableTaskRegistry tasks)
    {
        tasks.AddOrchestratorFunc<int, int>("Chain", async (context, number) =>
            await context.CallActivityAsync<int>(Fakes.Double, await context.CallActivityAsync<int>(Fakes.Double, number)));
        tasks.AddOrchestratorFunc<string, int>("Retries", (context, key) =>
            context.CallActivityAsync<int>(Fakes.Flaky, key, TaskOptions.FromRetryPolicy(new RetryPolicy(5, TimeSpan.FromMinutes(1)))));
        tasks.AddOrchestratorFunc<string, string>("GivesUp", async (context, key) =>
            $"{await context.CallActivityAsync<int>(Fakes.Doomed, key, TaskOptions.FromRetryPolicy(new RetryPolicy(2, TimeSpan.FromSeconds(1))))}");
        tasks.AddOrchestratorFunc<string, string>("Recovers", async (context, key) =>
        {
            try
            {
                return $"{await context.CallActivityAsync<int>(Fakes.Doomed, key)}";
            }
            catch (TaskFailedException error)
            {
                return $"{error.TaskName} / {error.FailureDetails.ErrorType} / {error.FailureDetails.ErrorMessage} / {await context.CallActivityAsync<int>(Fakes.Double, 21)}";
            }
        });
        tasks.AddOrchestratorFunc<string, string>("NotWorthRetrying", async (context, key) => $"{await context.CallActivityAsync<int>(
            Fakes.Doomed, key, TaskOptions.FromRetryPolicy(new RetryPolicy(9, TimeSpan.FromSeconds(1)) { HandleFailure = failure => failure.ErrorType != typeof(InvalidDataException).FullName }))}");
        tasks.AddOrchestratorFunc<int, string>("Listens", async (context, number) =>
        {
            await context.CallActivityAsync<int>(Fakes.Gated, number);
            context.SetCustomStatus("listening");
            return $"{await context.WaitForExternalEvent<string>("word")} {await context.WaitForExternalEvent<string>("word")}";
        });
        tasks.AddOrchestratorFunc<int, string>("ListensInTime", async (context, minutes) =>
        {
            context.SetCustomStatus("listening");
            try
            {
                return await context.WaitForExternalEvent<string>("word", TimeSpan.FromMinutes(minutes));
            }
            catch (TaskCanceledException)
            {
                return "nobody spoke";
            }
        });
        tasks.AddOrchestratorFunc<int, bool>("Sleeps", async (context, hours) =>
        {
            var begin = context.CurrentUtcDateTime;
            await context.CreateTimer(TimeSpan.FromHours(hours), CancellationToken.None);
            return context.CurrentUtcDateTime - begin >= TimeSpan.FromHours(hours);
        });
        tasks.AddOrchestratorFunc<int, string>("TidiesUp", async (context, number) =>
        {
            using var rest = new CancellationTokenSource();
            var work = context.CallActivityAsync<int>(Fakes.Gated, number);
            var cancel = context.WaitForExternalEvent<string>("cancel", rest.Token);
            var first = await Task.WhenAny(work, cancel);
            rest.Cancel();
            if (first == work)
                return $"{await work}";
            context.SetCustomStatus(await context.CallActivityAsync<int>(Fakes.Double, number));
            await work;
            return $"canceled: {await cancel}";
        });
        tasks.AddOrchestratorFunc<int, int>("TwoGates", async (context, number) =>
            await context.CallActivityAsync<int>(Fakes.Gated, number) + await context.CallActivityAsync<int>(Fakes.Gated, number));
        tasks.AddOrchestratorFunc<int, string>("Parent", async (context, number) =>
        {
            var good = await context.CallSubOrchestratorAsync<int>("Chain", number, new SubOrchestrationOptions(instanceId: $"{context.InstanceId}.good"));
            try
            {
                return await context.CallSubOrchestratorAsync<string>("GivesUp", "nothing", new SubOrchestrationOptions(instanceId: $"{context.InstanceId}.bad"));
            }
            catch (TaskFailedException error)
            {
                return $"{good}, {error.TaskName}: {Innermost(error.FailureDetails).ErrorMessage}";
            }
        });
        tasks.AddOrchestratorFunc<int, int>("Waits", (context, number) =>
            context.CallSubOrchestratorAsync<int>("TwoGates", number, new SubOrchestrationOptions(instanceId: $"{context.InstanceId}.child")));
        tasks.AddOrchestratorFunc<Round, string>("Rounds", async (context, round) =>
        {
            var heard = round.Heard + await context.WaitForExternalEvent<string>("letter") + await context.CallActivityAsync<int>(Fakes.Double, round.Number);
            if (round.Number < 4)
                context.ContinueAsNew(new Round(round.Number + 1, heard));
            // Events that were carried over stand behind those that came meanwhile: their order is not promised.
            return string.Concat(heard.Order());
        });
        tasks.AddOrchestratorFunc<int, int>("FansOut", async (context, count) =>
        {
            var first = await InWindows(Enumerable.Range(0, count).ToArray(), 4, number => context.CallActivityAsync<int>(Fakes.Double, number));
            var second = await InWindows(first, 4, number => context.CallActivityAsync<int>(Fakes.Gated, number));
            return second.Sum();
        });
        tasks.AddOrchestratorFunc<int, long>("ManyChildren", async (context, count) =>
        {
            var results = await InWindows(Enumerable.Range(0, count).ToArray(), 100, number => context.CallSubOrchestratorAsync<int>("Chain", number));
            return results.Sum(result => (long)result);
        });
        tasks.AddOrchestratorFunc<int, bool>("Unique", async (context, count) =>
        {
            var ids = new List<Guid>();
            for (var index = 0; index < count; index++)
            {
                ids.Add(context.NewGuid());
                await context.CallActivityAsync<int>(Fakes.Double, ids[^1].GetHashCode());
            }

            return ids.Distinct().Count() == count;
        });
    }

    private static TaskFailureDetails Innermost(TaskFailureDetails failure) => failure.InnerFailure is { } inner ? Innermost(inner) : failure;

    /// <summary>At most so many calls in flight; each lane takes the next item when its last one ended.</summary>
    internal static async Task<TOut[]> InWindows<TIn, TOut>(TIn[] items, int inFlight, Func<TIn, Task<TOut>> call)
    {
        var results = new TOut[items.Length];
        var next = 0;

        async Task Lane()
        {
            while (next < items.Length)
            {
                var mine = next++;
                results[mine] = await call(items[mine]);
            }
        }

        await Task.WhenAll(Enumerable.Range(0, inFlight).Select(_ => Lane()).ToArray());
        return results;
    }
}
