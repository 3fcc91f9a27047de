using System.CommandLine;
using DurableTask.Sqlite;
using Sana.Jobs.Durable;
using Sana.Jobs.Queue;
using Sana.Local.Hosting;
using Sana.Local.Queue;

namespace Sana.Local.Commands;

/// <summary><c>sana status</c>: the instances of a data folder, whoever runs them.</summary>
internal sealed class StatusCommand : Command
{
    private readonly Argument<string?> _id = new("id") { Description = "One instance. Default: the newest ones.", Arity = ArgumentArity.ZeroOrOne };
    private readonly Option<string> _data = CommonOptions.Data();
    private readonly Option<string?> _journal = CommonOptions.Journal("Default: as the last time, or sqlite.");
    private readonly Option<int?> _limit = CommonOptions.Number("--limit", "At most so many, 1…10000. Default: 100.", 1, 10_000);
    private readonly Option<bool> _json = CommonOptions.Json();

    public StatusCommand()
        : base("status", "Show instances: where they stand, what they came to.")
    {
        Add(_id);
        Add(_data);
        Add(_journal);
        Add(_limit);
        Add(_json);
        SetAction(Run);
    }

    private async Task<int> Run(ParseResult parsed, CancellationToken cancellationToken)
    {
        var data = parsed.GetRequiredValue(_data);
        if ((parsed.GetValue(_journal) ?? HostFile.JournalOf(data)) is var place and not "sqlite")
        {
            await using var shared = await DurableHost.Open(new LocalOptions { Data = data, Journal = place });
            return await Show(shared.Client, parsed);
        }

        using var journal = new JournalReader(Path.Combine(data, "journal.db"));
        await using var reads = new OrchestrationServiceDurableTaskClient("status", WorkflowJson.Converter, journal);
        return await Show(new WorkflowClient(() => reads, isNewestFirst: true), parsed);
    }

    private async Task<int> Show(WorkflowClient client, ParseResult parsed)
    {
        if (parsed.GetValue(_id) is { } id)
        {
            var instance = await client.Get(id) ?? throw new WrongUseException($"There is no instance {id}; see sana status.");
            var code = RunOutput.Print(instance, parsed.GetValue(_json));
            if (!parsed.GetValue(_json) && !instance.IsFinished)
                Print(await Left(parsed));
            return code;
        }

        var left = await Left(parsed);

        var instances = await client.List("", parsed.GetValue(_limit) ?? 100);
        if (parsed.GetValue(_json))
        {
            Reports.WriteJson(new StatusReport([.. instances.Select(InstanceReport.Of)], left), Reports.Json.StatusReport);
            return ExitCode.Done;
        }

        foreach (var instance in instances)
            Console.WriteLine($"{instance.Updated:yyyy-MM-dd HH:mm:ss} {RunOutput.Line(instance)}");
        Print(left);
        return ExitCode.Done;
    }

    /// <summary>What waits in the folder's own queue for a worker with another checkpoint; other queues do not keep that.</summary>
    private async Task<IReadOnlyList<LeftReport>> Left(ParseResult parsed)
    {
        var path = Path.Combine(parsed.GetRequiredValue(_data), "queue.db");
        if (!File.Exists(path))
            return [];
        using var queue = SqliteJobQueue.Open(path, TimeProvider.System);
        return [.. (await queue.LeftForOthers()).Select(left => new LeftReport(FaultReason.ModelMismatch, left.Count, left.Sentence))];
    }

    private static void Print(IReadOnlyList<LeftReport> left)
    {
        foreach (var each in left)
            Console.WriteLine($"{each.Reason}: {each.Messages} {(each.Messages == 1 ? "message waits" : "messages wait")}. {each.Message}");
    }
}
