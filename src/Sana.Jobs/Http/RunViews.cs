using Sana.Jobs.Curation;
using Sana.Jobs.Durable;
using Sana.Jobs.Generation;
using Sana.Jobs.Queue;

namespace Sana.Jobs.Http;

/// <summary>From an instance to what the API shows of it.</summary>
public static class RunViews
{
    /// <summary>What the API shows of an instance.</summary>
    public static RunView Of(WorkflowInstance instance, string id, string url)
    {
        var view = new RunView
        {
            Id = id,
            Status = StatusOf(instance),
            Error = instance.Error,
            Progress = instance.IsFinished || instance.CustomStatus is null ? null : WorkflowJson.Read<RunStatus>(instance.CustomStatus),
            CreatedAt = instance.Created,
            UpdatedAt = instance.Updated,
            Url = url,
        };
        if (instance.Status != WorkflowStatus.Completed)
            return view;
        if (instance.Workflow == GenerateImages.Workflow.Name)
        {
            var made = instance.ReadOutput<GenerateSummary>();
            return view with { Succeeded = made.Succeeded, Failed = made.Failed, Rejected = made.Rejected, Reasons = made.Reasons, Manifest = made.Manifest };
        }

        var curated = instance.ReadOutput<CurateSummary>();
        return view with { Succeeded = curated.Succeeded, Failed = curated.Failed, Rejected = curated.Rejected, Reasons = curated.Reasons, Manifest = curated.Manifest, Report = curated.Report };
    }

    /// <summary>Its status in the words of the API.</summary>
    public static string StatusOf(WorkflowInstance instance) => instance.Status switch
    {
        WorkflowStatus.Running => instance.CustomStatus is null ? JobStatus.Queued : JobStatus.Processing,
        WorkflowStatus.Suspended => "suspended",
        WorkflowStatus.Refused => "suspended",
        WorkflowStatus.Completed => JobStatus.Succeeded,
        WorkflowStatus.Failed => JobStatus.Failed,
        _ => JobStatus.Canceled,
    };
}
