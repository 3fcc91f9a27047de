using System.CommandLine;
using DurableTask.Sqlite;
using Sana.Jobs.Control;
using Sana.Jobs.Durable;
using Sana.Jobs.Generation;
using Sana.Jobs.Schedules;
using Sana.Local.Hosting;

namespace Sana.Local.Commands;

/// <summary><c>sana resume</c>: goes on with an instance and follows it to its end. Where another process owns the folder, it is told to go on, and not waited for.</summary>
internal sealed class ResumeCommand : Command
{
    private readonly Argument<string> _id = CommonOptions.Instance();
    private readonly HostArguments _host = new();
    private readonly Option<bool> _json = CommonOptions.Json();

    public ResumeCommand()
        : base("resume", "Go on with an instance that was interrupted, suspended, canceled or failed, and follow it to its end. Where a server runs on the folder, it goes on there.")
    {
        Add(_id);
        foreach (var option in _host.All)
            Add(option);
        Add(_json);
        SetAction(Run);
    }

    private async Task<int> Run(ParseResult parsed, CancellationToken cancellationToken)
    {
        var (id, json) = (parsed.GetRequiredValue(_id), parsed.GetValue(_json));
        var (data, journal) = _host.Folder(parsed);
        // The owner has its places already: what this command was given of them is neither needed nor kept.
        if (await ControlInbox.AskOwner(data!, journal, new ControlRequest("resume", id, []), cancellationToken) is { } done)
            return done ? Report(id, json) : await Show(data!, id, json);

        var options = _host.Read(parsed);
        HugePages.UseFor(options.Checkpoint);
        await using var host = await LocalHost.Open(options, cancellationToken);
        var instance = await host.Client.Get(id) ?? throw Missing(id);
        var isOpen = options.Checkpoint is not null && instance.Status != WorkflowStatus.Completed;
        if (isOpen && GenerateSubmission.WhyNot(instance, await host.Model(cancellationToken)) is { } otherModel)
            throw new WrongUseException(otherModel);
        if (instance.Status is WorkflowStatus.Suspended or WorkflowStatus.Failed or WorkflowStatus.Canceled && !await RunControl.Resume(host.Client, id))
            throw new WrongUseException($"{id} has ended and has its result; only generation and curation runs are begun again.");
        // A schedule has no end: it goes on with the next sana serve, or as long as a command owns the folder.
        return instance.Workflow == RunSchedule.Workflow.Name
            ? RunOutput.Print((await host.Client.Get(id))!, json)
            : RunOutput.Print((await ProgressView.ToTheEnd(host, [(id, id)], linesWhenRedirected: false, cancellationToken))[0], json);
    }

    private static int Report(string id, bool json)
    {
        if (json)
            Reports.WriteJson(new SteerReport(id, "resume", Done: true), Reports.Json.SteerReport);
        else
            Console.WriteLine($"{id}: resume is under way.");
        return ExitCode.Done;
    }

    /// <summary>There is nothing to resume: it runs, or it has its result.</summary>
    private static async Task<int> Show(string data, string id, bool json)
    {
        using var journal = new JournalReader(Path.Combine(data, "journal.db"));
        await using var reads = new OrchestrationServiceDurableTaskClient("resume", WorkflowJson.Converter, journal);
        return RunOutput.Print(await new WorkflowClient(() => reads, isNewestFirst: true).Get(id) ?? throw Missing(id), json);
    }

    private static WrongUseException Missing(string id) => new($"There is no instance {id}; see sana status.");
}
