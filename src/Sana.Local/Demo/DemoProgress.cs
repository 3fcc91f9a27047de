using Sana.Jobs;
using Sana.Jobs.Durable;
using Sana.Local.Hosting;
using Spectre.Console;

namespace Sana.Local.Demo;

/// <summary>Both jobs while they run: a bar each, or a line at each change where nobody watches.</summary>
internal static class DemoProgress
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(200);

    /// <summary>Waits for both instances.</summary>
    /// <exception cref="SanaException">The engine or the worker stopped, or one of them did not complete.</exception>
    public static Task ToTheEnd(LocalHost host, IReadOnlyList<(string Title, string Id)> jobs, CancellationToken cancellationToken)
    {
        if (Console.IsErrorRedirected)
            return Watch(host, jobs, (i, status) => Console.Error.WriteLine($"{jobs[i].Title}: {status.Stage} {status.Done}/{status.Total}"), cancellationToken);
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        return console.Progress().AutoClear(true).Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new SpinnerColumn()).StartAsync(async bars =>
        {
            var tasks = jobs.Select(job => bars.AddTask(job.Title)).ToArray();
            await Watch(host, jobs, Show, cancellationToken);

            void Show(int i, RunStatus status) =>
                (tasks[i].MaxValue, tasks[i].Value, tasks[i].Description) = (Math.Max(status.Total, 1), status.Done, $"{jobs[i].Title}: {status.Stage} {status.Done}/{status.Total}");
        });
    }

    private static async Task Watch(LocalHost host, IReadOnlyList<(string Title, string Id)> jobs, Action<int, RunStatus> show, CancellationToken cancellationToken)
    {
        var ends = Task.WhenAll(jobs.Select(job => host.Client.Wait(job.Id, cancellationToken)));
        var shown = new RunStatus?[jobs.Count];
        while (await Task.WhenAny(ends, host.Stopped, Task.Delay(Look, cancellationToken)) is var first && first != ends)
        {
            // A worker that cannot load, or a journal that cannot be written: nothing will come any more.
            if (first == host.Stopped)
                await first;
            cancellationToken.ThrowIfCancellationRequested();
            for (var i = 0; i < jobs.Count; i++)
            {
                if (await host.Client.Get(jobs[i].Id) is { CustomStatus: { } json } && WorkflowJson.Read<RunStatus>(json) is var status && status != shown[i])
                    show(i, shown[i] = status);
            }
        }

        if ((await ends).FirstOrDefault(ended => ended.Status != WorkflowStatus.Completed) is { } broken)
            throw new SanaException($"{broken.Id} was {broken.Status}: {broken.Error}");
    }
}
