using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using DurableTask.Core.Exceptions;
using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace DurableTask.Sqlite.Tests;

/// <summary>A process that runs an orchestration of all that the service can do, says a line for each effect, and is killed in the midst of it.</summary>
internal static class Victim
{
    public const string Folder = "DURABLETASK_SQLITE_VICTIM_FOLDER";

    public const int Items = 1_500;

    private static readonly TaskOptions _retry = TaskOptions.FromRetryPolicy(new RetryPolicy(1_000, TimeSpan.FromMilliseconds(5)));

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
        var services = new ServiceCollection();
        // Others write their events while this one runs: the client is asked for when it is needed.
        DurableTaskClient? client = null;
        services.AddSqliteDurableTask(new SqliteOrchestrationServiceSettings { Path = Journal(folder) }, tasks => Add(tasks, folder, () => client!));
        await using var provider = services.BuildServiceProvider();
        client = provider.GetRequiredService<DurableTaskClient>();
        foreach (var hosted in provider.GetServices<IHostedService>())
            await hosted.StartAsync(default);
        try
        {
            await client.ScheduleNewOrchestrationInstanceAsync("Run", new Cursor(0, 0), new StartOrchestrationOptions("i"));
        }
        catch (OrchestrationAlreadyExistsException)
        {
            // An earlier process began it.
        }

        var end = await client.WaitForInstanceCompletionAsync("i", getInputsAndOutputs: true);
        Console.WriteLine($"{end.RuntimeStatus} {end.SerializedOutput} {end.FailureDetails?.ErrorMessage}");
        return end.RuntimeStatus == OrchestrationRuntimeStatus.Completed && end.ReadOutputAs<int>() == Items ? 0 : 1;
    }

    private static void Add(DurableTaskRegistry tasks, string folder, Func<DurableTaskClient> client)
    {
        var failed = new ConcurrentDictionary<int, bool>();
        tasks.AddActivityFunc<int, int>("Effect", async (_, item) =>
        {
            await Task.Delay(1);
            if (item % 7 == 0 && failed.TryAdd(item, true))
                throw new IOException("the first attempt of a process fails");
            await File.WriteAllTextAsync(Effect(folder, item), item.ToString(CultureInfo.InvariantCulture));
            Console.WriteLine(item);
            return 1;
        });
        tasks.AddActivityFunc<int, int>("Post", async (_, item) =>
        {
            await client().RaiseEventAsync("i", $"posted-{item}", item);
            return 1;
        });
        tasks.AddOrchestratorFunc<int, int>("Item", (context, item) => context.CallActivityAsync<int>("Effect", item, _retry));
        tasks.AddOrchestratorFunc<Cursor, int>("Run", async (context, cursor) =>
        {
            var items = Enumerable.Range(cursor.Next, Math.Min(150, Items - cursor.Next)).ToArray();
            var done = cursor.Done + (await ScenarioOrchestrations.InWindows(items, 16, item => (item % 10) switch
            {
                0 => context.CallSubOrchestratorAsync<int>("Item", item, new SubOrchestrationOptions(instanceId: $"{context.InstanceId}/{item}")),
                5 => Posted(context, item),
                _ => context.CallActivityAsync<int>("Effect", item, _retry),
            })).Sum();
            await context.CreateTimer(TimeSpan.FromMilliseconds(20), CancellationToken.None);
            if (cursor.Next + 150 < Items)
                context.ContinueAsNew(new Cursor(cursor.Next + 150, done));
            return done;
        });
    }

    private static async Task<int> Posted(TaskOrchestrationContext context, int item)
    {
        var done = await context.CallActivityAsync<int>("Effect", item, _retry);
        await context.CallActivityAsync<int>("Post", item);
        return await context.WaitForExternalEvent<int>($"posted-{item}") == item ? done : 0;
    }
}
