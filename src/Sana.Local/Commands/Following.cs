using Sana.Jobs;
using Sana.Jobs.Durable;
using Sana.Local.Hosting;

namespace Sana.Local.Commands;

/// <summary>Watches an instance and tells what it came to.</summary>
internal static class Following
{
    private static readonly TimeSpan _look = TimeSpan.FromSeconds(1);

    /// <summary>The exit code of the instance's end; its progress is on stderr meanwhile, where somebody watches.</summary>
    public static async Task<int> ToTheEnd(LocalHost host, string id, bool json, CancellationToken cancellationToken)
    {
        var end = host.Client.Wait(id, cancellationToken);
        var shown = "";
        while (await Task.WhenAny(end, host.Stopped, Task.Delay(_look, cancellationToken)) is var first && first != end)
        {
            // A worker that cannot load, or a journal that cannot be written: nothing will come any more.
            await (first == host.Stopped ? first : Task.CompletedTask);
            cancellationToken.ThrowIfCancellationRequested();
            if (host.Stopped.IsFaulted)
                await host.Stopped;
            if (!Console.IsErrorRedirected && await host.Client.Get(id) is { } now && Line(now) is var line && line != shown)
                Console.Error.WriteLine(shown = line);
        }

        var ended = await end;
        var exit = Tell(ended, json);
        if (exit != ExitCode.Done)
            Console.Error.WriteLine($"sana: {Shortfall(ended)}".ReplaceLineEndings(" "));
        return exit;
    }

    /// <summary>One line for people.</summary>
    public static string Line(WorkflowInstance instance) =>
        $"{instance.Id} {instance.Status} {(Progress(instance) is { } at ? $"{at.Stage} {at.Done}/{at.Total}, {at.Failed} failed" : "")} {instance.Error}".TrimEnd();

    /// <summary>Prints an instance and returns its exit code.</summary>
    public static int Tell(WorkflowInstance instance, bool json)
    {
        var report = InstanceReport.Of(instance);
        if (json)
            Reports.WriteJson(report, Reports.Json.InstanceReport);
        else
            Console.WriteLine(report.Output is { } output ? $"{Line(instance)}\n{output}" : Line(instance));
        return instance.Status switch
        {
            WorkflowStatus.Completed => IsRun(instance) ? Verdict(instance) : ExitCode.Done,
            WorkflowStatus.Running or WorkflowStatus.Suspended => ExitCode.Done,
            _ => ExitCode.Failed,
        };
    }

    /// <summary>Why the exit code is not 0, in one sentence.</summary>
    private static string Shortfall(WorkflowInstance instance)
    {
        if (instance.Status != WorkflowStatus.Completed)
            return instance.Error ?? $"{instance.Id} was ended before its time; sana resume goes on.";
        var (failed, rejected, reasons, place) = instance.Workflow == Workflows.Generate.Name && instance.ReadOutput<GenerateSummary>() is { } run
            ? (run.Failed, run.Rejected, run.Reasons, $"runs/{run.RunId}/outcomes/")
            : Curated(instance.ReadOutput<CurateSummary>());
        return $"{failed} images failed and {rejected} were left out ({string.Join(", ", reasons.Select(reason => $"{reason.Key} {reason.Value}"))}); see {place}.";

        static (long, long, IReadOnlyDictionary<string, long>, string) Curated(CurateSummary made) => (made.Failed, made.Rejected, made.Reasons, made.Report);
    }

    /// <summary>Only generation and curation runs show one.</summary>
    private static RunStatus? Progress(WorkflowInstance instance) => instance.CustomStatus is null || !IsRun(instance) ? null : WorkflowJson.Read<RunStatus>(instance.CustomStatus);

    private static bool IsRun(WorkflowInstance instance) => instance.Workflow == Workflows.Generate.Name || instance.Workflow == Workflows.Curate.Name;

    // What a rule left out, or an earlier version has, is not lost.
    private static (long Good, long Lost) CuratedCounts(CurateSummary summary) =>
        (summary.Statuses.Values.Sum() - summary.Failed - summary.Rejected, summary.Failed + summary.Rejected);

    private static int Verdict(WorkflowInstance instance)
    {
        var (good, lost) = instance.Workflow == Workflows.Generate.Name && instance.ReadOutput<GenerateSummary>() is { } run
            ? (run.Succeeded, run.Failed + run.Rejected)
            : CuratedCounts(instance.ReadOutput<CurateSummary>());
        return (good, lost) switch
        {
            (_, 0) => ExitCode.Done,
            (0, _) => ExitCode.Failed,
            _ => ExitCode.SomeFailed,
        };
    }
}
