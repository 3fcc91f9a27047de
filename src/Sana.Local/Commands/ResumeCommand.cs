using System.CommandLine;
using DurableTask.Sqlite;
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
        var (options, json) = (_host.Read(parsed), parsed.GetValue(_json));
        LocalHost host;
        try
        {
            host = await LocalHost.Open(options, cancellationToken);
        }
        catch (JournalException)
        {
            return await AskOwner(options, id, json, cancellationToken);
        }

        await using var closed = host;
        var instance = await host.Client.Get(id) ?? throw new WrongUseException($"There is no instance {id}; see sana status.");
        var isOpen = options.Checkpoint is not null && instance.Status != WorkflowStatus.Completed;
        if (isOpen && GenerateSubmission.WhyNot(instance, await host.Model(cancellationToken)) is { } otherModel)
            throw new WrongUseException(otherModel);
        if (instance.Status == WorkflowStatus.Suspended)
            await host.Client.Resume(id);
        else if (instance is { IsFinished: true, Status: not WorkflowStatus.Completed } && !await Restart(host.Client, instance))
            throw new WrongUseException($"{id} has ended and has its result; only generation and curation runs are begun again.");
        // A schedule has no end: it goes on with the next sana serve, or as long as a command owns the folder.
        return instance.Workflow == RunSchedule.Workflow.Name
            ? RunOutput.Print((await host.Client.Get(id))!, json)
            : RunOutput.Print((await ProgressView.ToTheEnd(host, [(id, id)], linesWhenRedirected: false, cancellationToken))[0], json);
    }

    /// <summary>Another process owns the folder and runs the instance: it is told to go on.</summary>
    private static async Task<int> AskOwner(LocalOptions options, string id, bool json, CancellationToken cancellationToken)
    {
        if (!await ControlInbox.Send(options.Data!, options.Journal, new ControlRequest("resume", id, []), cancellationToken))
            throw new SanaException($"{id} is not suspended in the process that owns {options.Data}; see sana status.");
        if (json)
            Reports.WriteJson(new SteerReport(id, "resume", Done: true), Reports.Json.SteerReport);
        else
            Console.WriteLine($"{id}: resume is under way.");
        return ExitCode.Done;
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
