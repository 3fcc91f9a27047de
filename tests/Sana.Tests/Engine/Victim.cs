using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Sana.Local.Engine;
using Sana.Workflows.Contract;

namespace Sana.Tests.Engine;

/// <summary>A process that runs a workflow of all that the engine can do, says a line for each effect, and is killed in the midst of it.</summary>
internal static class Victim
{
    public const string Folder = "SANA_VICTIM_FOLDER";

    public const int Items = 1_500;

    private static readonly Step<int, int> _effect = new("effect");
    private static readonly Step<int, int> _post = new("post");
    private static readonly Workflow<Cursor, int> _run = new("run");
    private static readonly Workflow<int, int> _item = new("item");

    /// <summary>Where a run begins, and how many items are done.</summary>
    private sealed record Cursor(int Next, int Done);

    public static Process Start(string folder)
    {
        var assembly = typeof(Victim).Assembly.Location;
        var start = new ProcessStartInfo("dotnet", [assembly]) { RedirectStandardOutput = true };
        start.Environment["DOTNET_STARTUP_HOOKS"] = assembly;
        start.Environment[Folder] = folder;
        return Process.Start(start)!;
    }

    public static string Journal(string folder) => Path.Combine(folder, "journal.db");

    public static string Effect(string folder, int item) => Path.Combine(folder, "effects", item.ToString(CultureInfo.InvariantCulture));

    /// <summary>Runs, or goes on, until all is done; 0 when it is done well.</summary>
    public static async Task<int> Run(string folder)
    {
        Directory.CreateDirectory(Path.Combine(folder, "effects"));
        Console.WriteLine("begin");
        var failed = new ConcurrentDictionary<int, bool>();
        // An opened engine goes on at once: a step may run before Open has returned.
        var opened = new TaskCompletionSource<SqliteEngine>();
        var registry = new WorkflowRegistry()
            .Add(_effect, async (item, cancellation) =>
            {
                await Task.Delay(1, cancellation);
                if (item % 7 == 0 && failed.TryAdd(item, true))
                    throw new IOException("the first attempt of a process fails");
                await File.WriteAllTextAsync(Effect(folder, item), item.ToString(CultureInfo.InvariantCulture), cancellation);
                Console.WriteLine(item);
                return 1;
            })
            .Add(_post, async (item, _) => await (await opened.Task).RaiseEvent("i", $"posted-{item}", item) ? 1 : 0)
            .Add(_item, ScenarioWorkflows.Of<int, int>((context, item) => Do(context, item)))
            .Add(_run, ScenarioWorkflows.Of<Cursor, int>(async (context, cursor) =>
            {
                var items = Enumerable.Range(cursor.Next, Math.Min(150, Items - cursor.Next)).ToList();
                var done = cursor.Done + (await context.ForEach(items, 16, item => (item % 10) switch
                {
                    0 => context.CallWorkflow(_item, item, $"{context.InstanceId}/{item}"),
                    5 => Posted(context, item),
                    _ => Do(context, item),
                })).Sum();
                await context.Sleep(TimeSpan.FromMilliseconds(20));
                if (cursor.Next + 150 < Items)
                    context.ContinueAsNew(new Cursor(cursor.Next + 150, done));
                return done;
            }));
        await using var engine = SqliteEngine.Open(new SqliteEngineOptions { Path = Journal(folder) }, registry);
        opened.SetResult(engine);
        await engine.Start(_run, new Cursor(0, 0), "i");
        var end = await engine.Wait("i");
        Console.WriteLine($"{end.Status} {end.Output} {end.Error}");
        return end.Status == WorkflowStatus.Completed && end.ReadOutput<int>() == Items ? 0 : 1;
    }

    private static Task<int> Do(IWorkflowContext context, int item) =>
        context.Call(_effect, item, new StepRetry { MaxAttempts = 1000, FirstInterval = TimeSpan.FromMilliseconds(5) });

    private static async Task<int> Posted(IWorkflowContext context, int item)
    {
        var done = await Do(context, item);
        await context.Call(_post, item);
        return await context.WaitForEvent<int>($"posted-{item}") == item ? done : 0;
    }
}
