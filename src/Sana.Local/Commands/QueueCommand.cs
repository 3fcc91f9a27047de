using System.CommandLine;
using Sana.Jobs.Queue;
using Sana.Local.Queue;
using Sana.Storage;
using Sana.Storage.Blobs;

namespace Sana.Local.Commands;

/// <summary><c>sana queue</c>: what waits and what was given up.</summary>
internal sealed class QueueCommand : Command
{
    private const int Most = 32;

    private readonly Argument<string?> _what = new("what") { Description = "list: what waits. dead: what was given up. requeue: put dead letters back. Default: counts.", Arity = ArgumentArity.ZeroOrOne };
    private readonly Argument<string?> _letter = new("letter") { Description = "Of requeue: the id of one dead letter. Default: all.", Arity = ArgumentArity.ZeroOrOne };
    private readonly HostArguments _host = new();
    private readonly Option<bool> _json = CommonOptions.Json();

    public QueueCommand()
        : base("queue", "Show the queue, its dead letters, or put those back.")
    {
        _what.AcceptOnlyFromAmong("list", "dead", "requeue");
        Add(_what);
        Add(_letter);
        foreach (var option in _host.All)
            Add(option);
        Add(_json);
        SetAction(Run);
    }

    private async Task<int> Run(ParseResult parsed, CancellationToken cancellationToken)
    {
        var options = _host.Read(parsed);
        var blobs = await BlobPlace.Parse(options.Blobs ?? Path.Combine(options.Data!, "blobs")).Open(cancellationToken);
        var queue = options.Queue == "sqlite"
            ? SqliteJobQueue.Open(Path.Combine(Path.GetFullPath(options.Data!), "queue.db"), options.Clock)
            : await QueuePlace.Open(options.Queue, blobs, cancellationToken);
        using var closed = queue as IDisposable;
        var what = parsed.GetValue(_what);
        var requeued = what == "requeue" ? await queue.Requeue(parsed.GetValue(_letter), cancellationToken) : 0;
        var waiting = what == "list" ? await queue.Peek(Most, cancellationToken) : [];
        var dead = what == "dead" ? await queue.Dead(Most, cancellationToken) : [];
        var count = await queue.Count(cancellationToken);
        if (parsed.GetValue(_json))
        {
            Reports.WriteJson(
                new QueueReport(
                    queue.Name,
                    count.Waiting,
                    count.Held,
                    count.Dead,
                    requeued,
                    [.. waiting.Select(job => new WaitingReport(job.Id, NameOf(job.Body), job.Deliveries, job.Sent) { Reason = job.Reason, Message = job.Message })],
                    [.. dead.Select(letter => new DeadReport(letter.Id, NameOf(letter.Body), letter.Reason, letter.Message, letter.Buried))]),
                Reports.Json.QueueReport);
            return ExitCode.Done;
        }

        Console.WriteLine($"{queue.Name}: {Counted.Of(count.Waiting, "waits", "wait")}, {Counted.Of(count.Held, "is held", "are held")}, {Counted.Of(count.Dead, "is dead", "are dead")}{(what == "requeue" ? $", {Counted.Of(requeued, "was put back", "were put back")}" : "")}");
        foreach (var job in waiting)
            Console.WriteLine($"{job.Id} {NameOf(job.Body)} taken {Counted.Of(job.Deliveries, "time")}{(job.Reason is null ? "" : $", {job.Reason}: {job.Message}")}");
        foreach (var letter in dead)
            Console.WriteLine($"{letter.Id} {NameOf(letter.Body)} {letter.Reason}: {letter.Message}");
        return ExitCode.Done;
    }

    private static string NameOf(string body)
    {
        try
        {
            return JobMessage.Parse(body).JobId;
        }
        catch (JobFaultException)
        {
            return "(not a job)";
        }
    }
}
