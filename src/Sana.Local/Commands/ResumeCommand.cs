using System.CommandLine;
using Sana.Jobs.Curation;
using Sana.Jobs.Durable;
using Sana.Jobs.Generation;
using Sana.Jobs.Schedules;
using Sana.Local.Hosting;

namespace Sana.Local.Commands;

/// <summary><c>sana resume</c>: goes on with an instance and follows it to its end.</summary>
internal sealed class ResumeCommand : Command
{
    private readonly Argument<string> _id = CommonOptions.Instance();
    private readonly HostArguments _host = new();
    private readonly Option<bool> _json = CommonOptions.Json();

    public ResumeCommand()
        : base("resume", "Go on with an instance that was interrupted, suspended, canceled or failed, and follow it to its end.")
    {
        Add(_id);
        foreach (var option in _host.All)
            Add(option);
        Add(_json);
        SetAction(Run);
    }

    private async Task<int> Run(ParseResult parsed, CancellationToken cancellationToken)
    {
        var id = parsed.GetRequiredValue(_id);
        await using var host = await LocalHost.Open(_host.Read(parsed), cancellationToken);
        var instance = await host.Client.Get(id) ?? throw new WrongUseException($"There is no instance {id}; see sana status.");
        if (instance.Status == WorkflowStatus.Suspended)
            await host.Client.Resume(id);
        else if (instance is { IsFinished: true, Status: not WorkflowStatus.Completed } && !await Restart(host.Client, instance))
            throw new WrongUseException($"{id} has ended and has its result; only generation and curation runs are begun again.");
        // A schedule has no end: it goes on with the next sana serve, or as long as a command owns the folder.
        var json = parsed.GetValue(_json);
        return instance.Workflow == RunSchedule.Workflow.Name
            ? RunOutput.Print((await host.Client.Get(id))!, json)
            : RunOutput.Print((await ProgressView.ToTheEnd(host, [(id, id)], linesWhenRedirected: false, cancellationToken))[0], json);
    }

    // What it wrote is found again, so starting over is going on.
    private static async Task<bool> Restart(WorkflowClient client, WorkflowInstance instance)
    {
        if (instance.Workflow == GenerateImages.Workflow.Name)
            await client.Start(GenerateImages.Workflow, WorkflowJson.Read<GenerateRequest>(instance.Input) with { Cursor = null }, instance.Id, restartFinished: true);
        else if (instance.Workflow == CurateDataset.Workflow.Name)
            await client.Start(CurateDataset.Workflow, WorkflowJson.Read<CurateRequest>(instance.Input) with { Cursor = null }, instance.Id, restartFinished: true);
        else
            return false;
        return true;
    }
}
