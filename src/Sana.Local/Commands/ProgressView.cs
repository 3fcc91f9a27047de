using System.Diagnostics;
using System.Globalization;
using Sana.Jobs.Durable;
using Sana.Local.Hosting;
using Spectre.Console;

namespace Sana.Local.Commands;

/// <summary>Instances while they run: a bar each on stderr. Where nobody watches, a line every few seconds, and one when a stage is through.</summary>
internal static class ProgressView
{
    private static readonly TimeSpan RefreshInterval = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LineInterval = TimeSpan.FromSeconds(5);

    /// <summary>Waits for the ends of instances and gives them as they ended.</summary>
    /// <param name="host">Where they run.</param>
    /// <param name="jobs">A title and the id of each.</param>
    /// <param name="linesWhenRedirected">Whether lines begin at once where stderr is no terminal; else a run of a few seconds has none.</param>
    /// <param name="cancellationToken">Stops waiting; the instances go on.</param>
    /// <remarks>Throws what stopped the engine or the worker when they cannot go on.</remarks>
    public static Task<WorkflowInstance[]> ToTheEnd(LocalHost host, IReadOnlyList<(string Title, string Id)> jobs, bool linesWhenRedirected, CancellationToken cancellationToken)
    {
        if (!Console.IsErrorRedirected)
            return ShowBars(host, jobs, cancellationToken);
        return WriteLines(host, jobs, linesWhenRedirected, cancellationToken);
    }

    /// <summary>Waits until a run has its plan; false when it has ended before.</summary>
    public static async Task<bool> First(LocalHost host, string id, CancellationToken cancellationToken)
    {
        var end = host.Client.Wait(id, cancellationToken);
        while (await IsOn(host, end, cancellationToken))
        {
            if (await host.Client.Get(id) is { } instance && RunOutput.StatusOf(instance) is not null)
                return true;
        }

        return false;
    }

    private static async Task<WorkflowInstance[]> WriteLines(LocalHost host, IReadOnlyList<(string Title, string Id)> jobs, bool fromTheStart, CancellationToken cancellationToken)
    {
        var (last, isWriting) = (Stopwatch.StartNew(), fromTheStart);
        var stages = new RunStatus?[jobs.Count];
        var ended = await Watch(host, jobs, Show, cancellationToken);
        for (var i = 0; i < jobs.Count && isWriting; i++)
        {
            if (stages[i] is { } status && ended[i].Status == WorkflowStatus.Completed)
                Write(i, status with { Done = status.Total });
        }

        return ended;

        void Show(int i, RunStatus status, bool isNew)
        {
            if (isWriting && stages[i] is { } before && before.Stage != status.Stage)
                Write(i, before with { Done = before.Total });
            stages[i] = status with { Done = Math.Min(status.Total, Math.Max(status.Done, host.Jobs.Recent.Settled(status.RunId))) };
            if (last.Elapsed < LineInterval)
                return;
            isWriting = true;
            last.Restart();
            Write(i, stages[i]!);
        }

        void Write(int i, RunStatus status) =>
            Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{jobs[i].Title}: {status.Stage} {status.Done}/{status.Total}{(status.Failed > 0 ? $", {status.Failed} failed" : "")}"));
    }

    private static Task<WorkflowInstance[]> ShowBars(LocalHost host, IReadOnlyList<(string Title, string Id)> jobs, CancellationToken cancellationToken)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        return console.Progress()
            .AutoClear(true)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn(), new SpinnerColumn())
            .StartAsync(bars =>
            {
                var tasks = jobs.Select(job => bars.AddTask(Markup.Escape(job.Title))).ToArray();
                return Watch(host, jobs, Show, cancellationToken);

                void Show(int i, RunStatus status, bool isNew)
                {
                    // A run reports after each chunk of its plan; what was written since is seen as it is written.
                    var done = Math.Min(status.Total, Math.Max(status.Done, host.Jobs.Recent.Settled(status.RunId)));
                    var step = host.Worker.Current?.Step is { Stage: { } stage } at && status.Stage == "render" ? $", {stage} {at.Step}/{at.Steps}" : "";
                    var failed = status.Failed > 0 ? $", {status.Failed} failed" : "";
                    (tasks[i].MaxValue, tasks[i].Value, tasks[i].Description) =
                        (Math.Max(status.Total, 1), done, Markup.Escape($"{jobs[i].Title}: {status.Stage} {done}/{status.Total}{failed}{step}"));
                }
            });
    }

    private static async Task<WorkflowInstance[]> Watch(
        LocalHost host, IReadOnlyList<(string Title, string Id)> jobs, Action<int, RunStatus, bool> show, CancellationToken cancellationToken)
    {
        var ends = Task.WhenAll(jobs.Select(job => host.Client.Wait(job.Id, cancellationToken)));
        var shown = new RunStatus?[jobs.Count];
        while (await IsOn(host, ends, cancellationToken))
        {
            for (var i = 0; i < jobs.Count; i++)
            {
                if (await host.Client.Get(jobs[i].Id) is { } instance && RunOutput.StatusOf(instance) is { } status)
                {
                    show(i, status, status != shown[i]);
                    shown[i] = status;
                }
            }
        }

        return await ends;
    }

    /// <summary>Waits a moment; false when what is waited for has ended.</summary>
    private static async Task<bool> IsOn(LocalHost host, Task end, CancellationToken cancellationToken)
    {
        var first = await Task.WhenAny(end, host.Stopped, Task.Delay(RefreshInterval, cancellationToken));
        if (first == end)
            return false;
        // A worker that cannot load, or a journal that cannot be written: nothing will come any more.
        if (first == host.Stopped)
            await first;
        cancellationToken.ThrowIfCancellationRequested();
        return true;
    }
}
