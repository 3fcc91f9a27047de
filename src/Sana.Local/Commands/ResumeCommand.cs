using System.CommandLine;
using Sana.Jobs;
using Sana.Jobs.Durable;
using Sana.Local.Hosting;

namespace Sana.Local.Commands;

/// <summary><c>sana resume</c>: goes on with an instance and follows it to its end.</summary>
internal sealed class ResumeCommand : Command
{
    private readonly Argument<string> _id = Accept.Instance();
    private readonly HostArguments _host = new();
    private readonly Option<bool> _json = Accept.Json();

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
        if (instance.Workflow != Workflows.Generate.Name && instance.Workflow != Workflows.Curate.Name)
            throw new WrongUseException($"{id} belongs to sana serve, which goes on with it by itself; only generation and curation runs are resumed.");
        if (instance.Status == WorkflowStatus.Suspended)
            await host.Client.Resume(id);
        else if (instance is { IsFinished: true, Status: not WorkflowStatus.Completed })
            await Restart(host.Client, instance);
        return await Following.ToTheEnd(host, id, parsed.GetValue(_json), cancellationToken);
    }

    // What it wrote is found again, so starting over is going on.
    private static Task<(WorkflowInstance Instance, bool IsNew)> Restart(WorkflowClient client, WorkflowInstance instance) => instance.Workflow == Workflows.Generate.Name
        ? client.Start(Workflows.Generate, WorkflowJson.Read<GenerateRequest>(instance.Input) with { Cursor = null }, instance.Id, restartFinished: true)
        : client.Start(Workflows.Curate, WorkflowJson.Read<CurateRequest>(instance.Input) with { Cursor = null }, instance.Id, restartFinished: true);
}
