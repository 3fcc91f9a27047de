using System.Diagnostics;
using Sana.Local.Engine;
using Sana.Workflows.Contract;

namespace Sana.Benchmarks;

/// <summary>What durability costs: steps that do nothing, so that the engine is all that is measured. Judge the ratios; the disk is the machine's.</summary>
internal static class EngineBenchmark
{
    private static readonly Step<int, int> _nothing = new("nothing");
    private static readonly Workflow<int, int> _sequence = new("sequence");
    private static readonly Workflow<int, int> _fanOut = new("fan-out");
    private static readonly Workflow<int, int> _allAtOnce = new("all-at-once");
    private static readonly Workflow<int, int> _children = new("children");
    private static readonly Workflow<int, int> _stuck = new("stuck");

    public static int Run(string[] options)
    {
        var folder = options is ["--folder", var given] ? given : Path.GetTempPath();
        foreach (var survivePowerLoss in new[] { true, false })
        {
            Console.WriteLine($"{(survivePowerLoss ? "synchronous=FULL" : "synchronous=NORMAL")}, {Environment.ProcessorCount} cores, {folder}");
            var one = Measure(folder, survivePowerLoss, "one after the other", _sequence, 2_000);
            var small = Measure(folder, survivePowerLoss, "windows of 500", _fanOut, 10_000);
            var large = Measure(folder, survivePowerLoss, "windows of 500", _fanOut, 100_000);
            Measure(folder, survivePowerLoss, "all at once", _allAtOnce, 100_000);
            Measure(folder, survivePowerLoss, "children, windows of 100", _children, 10_000);
            Replay(folder, survivePowerLoss, 100_000);
            Console.WriteLine($"  group commit: {one / large:0.0} times a lone step · ten times the items: {large / small:0.00} of the time for each");
        }

        return 0;
    }

    /// <summary>Microseconds for each step.</summary>
    private static double Measure(string folder, bool survivePowerLoss, string name, Workflow<int, int> workflow, int count)
    {
        var path = Path.Combine(folder, $"engine-{Guid.NewGuid():n}.db");
        try
        {
            var engine = Open(path, survivePowerLoss);
            var watch = Stopwatch.StartNew();
            engine.Start(workflow, count, "i").GetAwaiter().GetResult();
            var result = engine.Wait("i").GetAwaiter().GetResult();
            Report($"{count} {name}", count, watch.Elapsed, path);
            engine.DisposeAsync().AsTask().GetAwaiter().GetResult();
            return result.ReadOutput<int>() == count ? watch.Elapsed.TotalMicroseconds / count : throw new InvalidOperationException("The sum is wrong.");
        }
        finally
        {
            Delete(path);
        }
    }

    /// <summary>How long a restart takes that finds so many steps in one history.</summary>
    private static void Replay(string folder, bool survivePowerLoss, int count)
    {
        var path = Path.Combine(folder, $"engine-{Guid.NewGuid():n}.db");
        try
        {
            var engine = Open(path, survivePowerLoss);
            engine.Start(_stuck, count, "i").GetAwaiter().GetResult();
            while (engine.Get("i").GetAwaiter().GetResult()!.CustomStatus is null)
                Thread.Sleep(10);
            engine.DisposeAsync().AsTask().GetAwaiter().GetResult();

            var watch = Stopwatch.StartNew();
            engine = Open(path, survivePowerLoss);
            engine.RaiseEvent("i", "go", 0).GetAwaiter().GetResult();
            engine.Wait("i").GetAwaiter().GetResult();
            Report($"{count} replayed", count, watch.Elapsed, path);
            engine.DisposeAsync().AsTask().GetAwaiter().GetResult();
        }
        finally
        {
            Delete(path);
        }
    }

    private static SqliteEngine Open(string path, bool survivePowerLoss) => SqliteEngine.Open(
        new SqliteEngineOptions { Path = path, SurvivePowerLoss = survivePowerLoss },
        new WorkflowRegistry()
            .Add(_nothing, (_, _) => Task.FromResult(1))
            .Add(_sequence, () => new Lines(async (context, count) =>
            {
                var sum = 0;
                for (var index = 0; index < count; index++)
                    sum += await context.Call(_nothing, index);
                return sum;
            }))
            .Add(_fanOut, () => new Lines(FanOut))
            .Add(_allAtOnce, () => new Lines(async (context, count) =>
                (await Task.WhenAll(Enumerable.Range(0, count).Select(index => context.Call(_nothing, index)))).Sum()))
            .Add(_children, () => new Lines(async (context, count) => (await context.ForEach(
                Enumerable.Range(0, count).ToList(), 100, index => context.CallWorkflow(_sequence, 1, $"{context.InstanceId}/{index}"))).Sum()))
            .Add(_stuck, () => new Lines(async (context, count) =>
            {
                var sum = await FanOut(context, count);
                context.SetStatus("done");
                await context.WaitForEvent<int>("go");
                return sum;
            })));

    private static async Task<int> FanOut(IWorkflowContext context, int count) =>
        (await context.ForEach(Enumerable.Range(0, count).ToList(), 500, index => context.Call(_nothing, index))).Sum();

    private static void Report(string name, int count, TimeSpan time, string path)
    {
        using var process = Process.GetCurrentProcess();
        Console.WriteLine(
            $"  {name,-36} {time.TotalSeconds,7:0.00} s {count / time.TotalSeconds,9:0}/s   peak memory {process.PeakWorkingSet64 >> 20,4} MB   "
            + $"journal {new FileInfo(path).Length >> 20,3} MB");
    }

    private static void Delete(string path)
    {
        foreach (var file in Directory.GetFiles(Path.GetDirectoryName(path)!, Path.GetFileName(path) + "*"))
            File.Delete(file);
    }

    private sealed class Lines(Func<IWorkflowContext, int, Task<int>> run) : IWorkflow<int, int>
    {
        public Task<int> Run(IWorkflowContext context, int input) => run(context, input);
    }
}
