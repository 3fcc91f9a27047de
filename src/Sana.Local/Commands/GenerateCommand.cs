using System.CommandLine;
using System.Diagnostics;
using Sana.Inference.Runtime;
using Sana.Jobs.Durable;
using Sana.Jobs.Generation;
using Sana.Local.Hosting;

namespace Sana.Local.Commands;

/// <summary><c>sana generate</c>: prompts to images.</summary>
internal sealed class GenerateCommand : Command
{
    private const int MostNamed = 8;
    private readonly HostArguments _host = new(defaultData: null, defaultOut: "out");
    private readonly GenerateArguments _arguments = new();
    private readonly BestOfArguments _best = new();
    private readonly Option<int?> _inFlight = CommonOptions.Number("--in-flight", "Batches on their way at once, 1…500. Default: 16.", 1, 500);
    private readonly Option<int?> _deadline = CommonOptions.Number("--deadline", "Seconds that one batch may take, 1…604800; after that it is tried again. Default: 3600.", 1, 604_800);
    private readonly Option<bool> _json = CommonOptions.Json();

    public GenerateCommand()
        : base("generate", "Make images from prompts. The same command again skips what is there; a run that was stopped or killed goes on.")
    {
        Option[] options = [.. _arguments.All, .. _best.All, .. _host.All, _inFlight, _deadline, _json];
        foreach (var option in options)
            Add(option);
        SetAction(Run);
    }

    private async Task<int> Run(ParseResult parsed, CancellationToken cancellationToken)
    {
        var clock = Stopwatch.StartNew();
        var options = _host.ReadWithCheckpoint(parsed);
        HugePages.UseFor(options.Checkpoint);
        var loras = WrongUseException.Unless(() => PlaceArguments.Loras(_arguments.Loras(parsed), ServerFile.Read(options.Data).Loras));
        var control = WrongUseException.Unless(() => PlaceArguments.Control(_arguments.Control(parsed), ServerFile.Read(options.Data).Controls));
        options = options with { Loras = loras.Places, Controls = control.Places };
        var start = WrongUseException.Unless(() => _arguments.StartImage(parsed));
        var pictures = WrongUseException.Unless(() => _arguments.ControlImages(parsed));
        var use = control.Use is { } network ? network with { Image = pictures[0].Image } : null;
        var job = WrongUseException.Unless(() => _arguments.Job(parsed, Device.Parse(options.Device), loras.Uses, start?.Image, use));
        job = job with { BestOf = _best.Read(parsed), FurtherControlImages = [.. pictures.Skip(1).Select(picture => picture.Image)] };
        await using var host = await LocalHost.Open(options with { Worker = options.Worker with { WarmsUp = false } }, cancellationToken);
        job = job with { Prompts = await RowPictures.Take(job.Prompts, _arguments.FolderOfPrompts(parsed), host.Blobs, cancellationToken) };
        var model = await host.Model(cancellationToken);
        WrongUseException.Unless(() => GenerateSubmission.Check(job, model));
        job = GenerateSubmission.Pinned(job, model);
        if (start is not null)
            await start.Write(host.Blobs, cancellationToken);
        foreach (var picture in pictures)
            await picture.Write(host.Blobs, cancellationToken);
        var pace = new Pace(parsed.GetValue(_inFlight) ?? 16, parsed.GetValue(_deadline) ?? 3600);
        var started = await GenerateSubmission.Start(host.Client, host.Blobs, model.Fingerprint, job, pace, cancellationToken);
        if (started.Instance.Status == WorkflowStatus.Suspended)
            await host.Client.Resume(started.Instance.Id);
        var ended = (await ProgressView.ToTheEnd(host, [("generate", started.Instance.Id)], linesWhenRedirected: false, cancellationToken))[0];
        return Report(host, job, ended, clock.Elapsed, parsed.GetValue(_json));
    }

    private static int Report(LocalHost host, GenerateJob job, WorkflowInstance ended, TimeSpan elapsed, bool json)
    {
        if (ended.Status != WorkflowStatus.Completed)
            throw new SanaException(RunOutput.WhyEnded(ended));
        var run = ended.ReadOutput<GenerateSummary>();
        var recorded = run.Succeeded + run.Failed - run.Lost;
        var made = Math.Min(host.Jobs.Recent.Settled(run.RunId), recorded);
        var skipped = recorded - made;
        if (!json)
            Console.WriteLine($"{RunOutput.Images(run.Succeeded)} in {host.Blobs.Place}, runs/{run.RunId}/ ({skipped} {(skipped == 1 ? "was" : "were")} there before, {elapsed.TotalSeconds:0.0} s).");
        var flags = Unused(job.Prompts);
        var exitCode = RunOutput.End(ended);
        if (json)
        {
            var status = exitCode switch { ExitCode.Done => "succeeded", ExitCode.SomeFailed => "some_failed", _ => "failed" };
            Reports.WriteJson(
                new GenerateReport(
                    ended.Id, run.RunId, host.Blobs.Place, run.Manifest, status, made, skipped, run.Failed, run.Rejected, run.NotKept, run.Reasons, run.Cut, flags, Math.Round(elapsed.TotalSeconds, 3)),
                Reports.Json.GenerateReport);
        }

        return exitCode;
    }

    // What the rows say and nothing was made of: counted, and one sentence.
    private static Dictionary<string, long> Unused(PromptFile prompts)
    {
        foreach (var note in prompts.Notes)
            Console.Error.WriteLine($"sana: {note}");
        var (rows, names) = (0L, new HashSet<string>(StringComparer.Ordinal));
        foreach (var row in prompts.Rows().Where(row => row.Unknown.Count > 0))
        {
            rows++;
            if (names.Count < MostNamed)
                names.UnionWith(row.Unknown);
        }

        if (rows == 0)
            return [];
        Console.Error.WriteLine($"sana: {rows} {(rows == 1 ? "row has" : "rows have")} something that means nothing here and had no effect (unknown_field): {string.Join(", ", names.Take(MostNamed))}. --strict leaves such rows out.");
        return new() { [PromptRow.UnknownField] = rows };
    }
}
