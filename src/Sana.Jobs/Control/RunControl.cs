using Sana.Jobs.Curation;
using Sana.Jobs.Durable;
using Sana.Jobs.Generation;

namespace Sana.Jobs.Control;

/// <summary>
/// How an instance is made to go on, whoever asks for it: the command line, the HTTP API or the status page. What only one storage request does, suspend and cancel, is asked of <see cref="WorkflowClient"/> itself.
/// </summary>
public static class RunControl
{
    /// <summary>Lets a suspended instance go on; a generation or curation run that failed or was canceled begins again and goes on from what it wrote.</summary>
    /// <returns>False when no instance has this id, or it runs, or it has its result.</returns>
    public static async Task<bool> Resume(WorkflowClient client, string id)
    {
        ArgumentNullException.ThrowIfNull(client);
        return await client.Get(id) switch
        {
            { Status: WorkflowStatus.Suspended } => await client.Resume(id),
            { Status: WorkflowStatus.Failed or WorkflowStatus.Canceled } ended => await Restart(client, ended),
            _ => false,
        };
    }

    /// <summary>Does again what failed in a finished generation or curation run for one of these reasons.</summary>
    /// <returns>False when no finished run has this id.</returns>
    public static async Task<bool> Retry(WorkflowClient client, string id, IReadOnlyList<string> reasons) =>
        await GenerateSubmission.Retry(client, id, reasons) || await CurationSubmission.Retry(client, id, reasons);

    // What it wrote is found again, so starting over is going on.
    private static async Task<bool> Restart(WorkflowClient client, WorkflowInstance ended)
    {
        if (ended.Workflow == GenerateImages.Workflow.Name)
            return (await client.Start(GenerateImages.Workflow, WorkflowJson.Read<GenerateRequest>(ended.Input) with { Cursor = null }, ended.Id, restartFinished: true)).IsNew;
        return ended.Workflow == CurateDataset.Workflow.Name
            && (await client.Start(CurateDataset.Workflow, WorkflowJson.Read<CurateRequest>(ended.Input) with { Cursor = null }, ended.Id, restartFinished: true)).IsNew;
    }
}
