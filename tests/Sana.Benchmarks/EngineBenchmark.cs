using System.Diagnostics;
using DurableTask.Sqlite;
using Microsoft.DurableTask.Client;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Sana.Benchmarks;

/// <summary>Measures the cost of durability with activities that do nothing. Compare the ratios: the absolute times depend on the disk.</summary>
internal static class EngineBenchmark
{
    /// <summary>The input of FanOut: remaining items, completed items, items of one execution.</summary>
    private sealed record Window(int Left, int Done, int Size);

    public static int Run(string[] options)
    {
        var folder = options is ["--folder", var given] ? given : Path.GetTempPath();
        foreach (var survivePowerLoss in new[] { true, false })
        {
            Console.WriteLine($"{(survivePowerLoss ? "synchronous=FULL" : "synchronous=NORMAL")}, {Environment.ProcessorCount} cores, {folder}");
            var one = Measure(folder, survivePowerLoss, "one after the other", "Sequence", 2_000, 2_000);
            var small = Measure(folder, survivePowerLoss, "1,000 an execution, 500 in flight", "FanOut", new Window(10_000, 0, 1_000), 10_000);
            var large = Measure(folder, survivePowerLoss, "1,000 an execution, 500 in flight", "FanOut", new Window(100_000, 0, 1_000), 100_000);
            Measure(folder, survivePowerLoss, "in one execution, 500 in flight", "FanOut", new Window(10_000, 0, 10_000), 10_000);
            Measure(folder, survivePowerLoss, "children, 100 in flight", "Children", 10_000, 10_000);
            Console.WriteLine($"  group commit: {one / large:0.0} times a lone step · ten times the items: {large / small:0.00} of the time for each");
        }

        return 0;
    }

    /// <summary>Returns the microseconds of a step.</summary>
    private static double Measure(string folder, bool survivePowerLoss, string name, string orchestration, object input, int count)
    {
        var path = Path.Combine(folder, $"engine-{Guid.NewGuid():n}.db");
        try
        {
            var services = Services(path, survivePowerLoss);
            foreach (var worker in services.GetServices<IHostedService>())
                worker.StartAsync(default).GetAwaiter().GetResult();
            var client = services.GetRequiredService<DurableTaskClient>();
            var watch = Stopwatch.StartNew();
            var id = client.ScheduleNewOrchestrationInstanceAsync(orchestration, input).GetAwaiter().GetResult();
            var end = client.WaitForInstanceCompletionAsync(id, getInputsAndOutputs: true).GetAwaiter().GetResult();
            var time = watch.Elapsed;
            Report($"{count} {name}", count, time, path);
            foreach (var worker in services.GetServices<IHostedService>())
                worker.StopAsync(default).GetAwaiter().GetResult();
            services.DisposeAsync().AsTask().GetAwaiter().GetResult();
            return end.ReadOutputAs<int>() == count ? time.TotalMicroseconds / count : throw new InvalidOperationException($"The sum is wrong: {end.SerializedOutput} {end.FailureDetails}");
        }
        finally
        {
            foreach (var file in Directory.GetFiles(folder, Path.GetFileName(path) + "*"))
                File.Delete(file);
        }
    }

    private static ServiceProvider Services(string path, bool survivePowerLoss) => new ServiceCollection()
        .AddSqliteDurableTask(new SqliteOrchestrationServiceSettings { Path = path, SurvivePowerLoss = survivePowerLoss }, tasks =>
        {
            tasks.AddActivityFunc<int, int>("Nothing", (_, _) => 1);
            tasks.AddOrchestratorFunc<int, int>("Sequence", async (context, count) =>
            {
                var sum = 0;
                for (var index = 0; index < count; index++)
                    sum += await context.CallActivityAsync<int>("Nothing", index);
                return sum;
            });
            tasks.AddOrchestratorFunc<Window, int>("FanOut", async (context, window) =>
            {
                var count = Math.Min(window.Left, window.Size);
                var done = window.Done + await InFlight(500, count, index => context.CallActivityAsync<int>("Nothing", index));
                if (window.Left > count)
                    context.ContinueAsNew(window with { Left = window.Left - count, Done = done });
                return done;
            });
            tasks.AddOrchestratorFunc<int, int>("Children", (context, count) => InFlight(100, count, _ => context.CallSubOrchestratorAsync<int>("Sequence", 1)));
        })
        .BuildServiceProvider();

    private static async Task<int> InFlight(int workers, int count, Func<int, Task<int>> call)
    {
        var (next, sum) = (0, 0);

        async Task Work()
        {
            while (next < count)
            {
                var one = await call(next++);
                sum += one;
            }
        }

        await Task.WhenAll(Enumerable.Range(0, workers).Select(_ => Work()).ToArray());
        return sum;
    }

    private static void Report(string name, int count, TimeSpan time, string path)
    {
        using var process = Process.GetCurrentProcess();
        Console.WriteLine(
            $"  {name,-48} {time.TotalSeconds,7:0.00} s {count / time.TotalSeconds,9:0}/s   peak memory {process.PeakWorkingSet64 >> 20,4} MB   "
            + $"journal {new FileInfo(path).Length >> 20,3} MB");
    }
}
