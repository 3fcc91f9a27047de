using Sana.Curation;
using Sana.Jobs.Curation;
using Sana.Jobs.Durable;
using Sana.Jobs.Generation;

namespace Sana.Local.Commands;

/// <summary>What commands print of an instance, and the exit code of its end.</summary>
internal static class RunOutput
{
    /// <summary>One line for people.</summary>
    public static string Line(WorkflowInstance instance) =>
        $"{instance.Id} {instance.Status} {(StatusOf(instance) is { } at ? $"{at.Stage} {at.Done}/{at.Total}, {at.Failed} failed" : "")} {instance.Error}".TrimEnd();

    /// <summary>Prints an instance and returns its exit code. Where that is not 0, one sentence on stderr says why.</summary>
    public static int Print(WorkflowInstance instance, bool json)
    {
        var report = InstanceReport.Of(instance);
        if (json)
            Reports.WriteJson(report, Reports.Json.InstanceReport);
        else
            Console.WriteLine(report.Output is { } output ? $"{Line(instance)}\n{output}" : Line(instance));
        return instance.Status is WorkflowStatus.Running or WorkflowStatus.Suspended ? ExitCode.Done : End(instance);
    }

    /// <summary>The exit code of an instance that has ended. Where that is not 0, one sentence on stderr says why.</summary>
    public static int End(WorkflowInstance instance)
    {
        if (instance.Status != WorkflowStatus.Completed)
            return Fail(ExitCode.Failed, WhyEnded(instance));
        if (instance.Workflow == GenerateImages.Workflow.Name)
        {
            var run = instance.ReadOutput<GenerateSummary>();
            return End(run.Succeeded, run.Failed, run.Rejected, run.Reasons, $"runs/{run.RunId}/outcomes/");
        }

        if (instance.Workflow != CurateDataset.Workflow.Name)
            return ExitCode.Done;
        // What a rule left out, or an earlier version has, is not lost.
        var made = instance.ReadOutput<CurateSummary>();
        if (made.Succeeded == 0 && made.Statuses.GetValueOrDefault(RowStatus.Known) == 0)
            return Fail(ExitCode.Failed, Empty(made));
        return End(made.Statuses.Values.Sum() - made.Failed - made.Rejected, made.Failed, made.Rejected, made.Reasons, made.Report);
    }

    /// <summary>Why a version has no image, in one sentence: what was seen and not used.</summary>
    private static string Empty(CurateSummary made)
    {
        var (images, captions) = (made.Source?.Images ?? 0, made.Source?.Captions ?? 0);
        var left = made.Reasons.Count == 0 ? "" : $" ({string.Join(", ", made.Reasons.Select(reason => $"{reason.Key} {reason.Value}"))})";
        return $"Nothing came out: {images} images, {(captions == 0 ? "no" : captions)} captions{left}{made.Source?.Rest}; the version was not published, see {made.Report}.";
    }

    /// <summary>Why an instance has no result, in one sentence.</summary>
    public static string WhyEnded(WorkflowInstance instance) => instance.Status == WorkflowStatus.Canceled
        ? $"{instance.Id} was canceled ({instance.Error ?? "no reason was given"}); sana resume goes on."
        : instance.Error ?? $"{instance.Id} is {instance.Status}; sana resume goes on.";

    /// <summary>Where a generation or curation run stands; null of other instances.</summary>
    public static RunStatus? StatusOf(WorkflowInstance instance) =>
        instance.CustomStatus is { } status && (instance.Workflow == GenerateImages.Workflow.Name || instance.Workflow == CurateDataset.Workflow.Name) ? WorkflowJson.Read<RunStatus>(status) : null;

    private static int End(long good, long failed, long rejected, IReadOnlyDictionary<string, long> reasons, string place) => failed + rejected == 0
        ? ExitCode.Done
        : Fail(
            good == 0 ? ExitCode.Failed : ExitCode.SomeFailed,
            $"{failed} images failed and {rejected} were left out ({string.Join(", ", reasons.Select(reason => $"{reason.Key} {reason.Value}"))}); see {place}.");

    private static int Fail(int exitCode, string sentence)
    {
        Console.Error.WriteLine($"sana: {sentence}".ReplaceLineEndings(" "));
        return exitCode;
    }
}
