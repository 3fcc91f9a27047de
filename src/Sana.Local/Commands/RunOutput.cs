using System.Globalization;
using Sana.Curation;
using Sana.Jobs.Curation;
using Sana.Jobs.Durable;
using Sana.Jobs.Generation;
using Sana.Storage;

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
            Console.WriteLine(Sentence(instance));
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
            if (run.Cut > 0)
                Console.Error.WriteLine($"sana: {Images(run.Cut)} made from the beginning of a prompt only: the network reads 300 tokens of it (flag prompt_truncated in runs/{run.RunId}/outcomes/). --long-prompts refuse leaves such prompts out.");
            return End(run.Succeeded, run.Failed + run.Rejected, run.Reasons, $"runs/{run.RunId}/outcomes/");
        }

        if (instance.Workflow != CurateDataset.Workflow.Name)
            return ExitCode.Done;
        return End(instance.ReadOutput<CurateSummary>());
    }

    /// <summary>Why a version has no image, in one sentence: what was seen and not used.</summary>
    private static string Empty(CurateSummary made)
    {
        var (images, captions) = (made.Source?.Images ?? 0, made.Source?.Captions ?? 0);
        var left = made.Reasons.Count == 0 ? "" : $" ({Codes(made.Reasons)})";
        return $"Nothing came out: {Images(images)}, {(captions == 0 ? "no captions" : Counted.Of(captions, "caption"))}{left}{made.Source?.Rest}; the version was not published, see {made.Report}.";
    }

    /// <summary>Why an instance has no result, in one sentence.</summary>
    public static string WhyEnded(WorkflowInstance instance) => instance.Status == WorkflowStatus.Canceled
        ? $"{instance.Id} was canceled ({instance.Error ?? "no reason was given"}); sana resume goes on."
        : instance.Error ?? $"{instance.Id} is {instance.Status}; sana resume goes on.";

    /// <summary>Where a generation or curation run stands; null of other instances.</summary>
    public static RunStatus? StatusOf(WorkflowInstance instance) =>
        instance.CustomStatus is { } status && (instance.Workflow == GenerateImages.Workflow.Name || instance.Workflow == CurateDataset.Workflow.Name) ? WorkflowJson.Read<RunStatus>(status) : null;

    // What came of an instance: where its results are, and what is not among them.
    private static string Sentence(WorkflowInstance instance)
    {
        if (instance.Status != WorkflowStatus.Completed)
            return Line(instance);
        if (instance.Workflow == GenerateImages.Workflow.Name)
        {
            var run = instance.ReadOutput<GenerateSummary>();
            return $"{instance.Id} {instance.Status}: {Images(run.Succeeded)} in runs/{run.RunId}/images/{Left(run.Failed + run.Rejected, run.Reasons)}; manifest {run.Manifest}";
        }

        if (instance.Workflow != CurateDataset.Workflow.Name)
            return Line(instance);
        var made = instance.ReadOutput<CurateSummary>();
        var shards = made.Manifest[..(made.Manifest.LastIndexOf('/') + 1)] + "shards/";
        return $"{made.Dataset} {made.Version}: {Images(made.Succeeded)} in {shards}{Left(made.Statuses.Values.Sum() - made.Succeeded, made.Reasons)}; report {made.Report}";
    }

    /// <summary>A count of images in words.</summary>
    public static string Images(long count) => Counted.Of(count, "image");

    private static string Left(long count, IReadOnlyDictionary<string, long> reasons) => count == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $", {count} left out ({Codes(reasons)})");

    private static string Codes(IReadOnlyDictionary<string, long> reasons) => string.Join(", ", reasons.Select(reason => string.Create(CultureInfo.InvariantCulture, $"{reason.Key} {reason.Value}")));

    private static int End(long good, long lost, IReadOnlyDictionary<string, long> reasons, string place) => lost == 0 && good > 0
        ? ExitCode.Done
        : Fail(good == 0 ? ExitCode.Failed : ExitCode.SomeFailed, lost == 0 ? "No image was made." : $"{Images(lost)} not made ({Codes(reasons)}); see {place}.");

    // What a rule left out, or an earlier version has, is no fault. A captioner that gave nothing is one, however good the others are.
    private static int End(CurateSummary made)
    {
        var (total, lost, exit) = (made.Statuses.Values.Sum(), made.Failed + made.Rejected, ExitCode.Done);
        // What a rule left out, or an earlier version has, is not lost.
        if (made.Succeeded == 0 && made.Statuses.GetValueOrDefault(RowStatus.Known) == 0)
            exit = Fail(ExitCode.Failed, Empty(made));
        else if (lost > 0)
            exit = Fail(ExitCode.SomeFailed, $"{Images(lost)} of {total} failed or cannot be used; left out in all: {Codes(made.Reasons)}; see {made.Report}.{(made.KeepsImages ? " Normalised images are kept in cache/images for --retry; sana clean removes them." : "")}");
        foreach (var silent in made.Captioners.Where(captioner => captioner.Usable == 0 && captioner.Unusable > 0))
        {
            exit = exit == ExitCode.Failed ? exit : ExitCode.SomeFailed;
            Fail(exit, $"Captioner {silent.Label} gave 0 usable captions for {Images(silent.Unusable)}: {silent.Reason}: {silent.Message}");
        }

        return exit;
    }

    private static int Fail(int exitCode, string sentence)
    {
        Console.Error.WriteLine($"sana: {sentence}".ReplaceLineEndings(" "));
        return exitCode;
    }
}
