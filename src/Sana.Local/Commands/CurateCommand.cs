using System.CommandLine;
using Sana.Jobs.Curation;
using Sana.Jobs.Durable;
using Sana.Local.Hosting;

namespace Sana.Local.Commands;

/// <summary><c>sana curate</c>: a source of images to captions, scores, selection, training shards and a report, as a durable workflow.</summary>
internal sealed class CurateCommand : Command
{
    private const int DryRunItems = 100;

    private readonly Argument<string> _source = new("source")
    {
        Description = "Folder of images with sidecars or of WebDataset tars; one tar; a manifest (.jsonl, .csv, .parquet) of names or URLs; azurite:container[/prefix]; a container's https address.",
    };

    private readonly Option<string?> _dataset = new("--dataset") { Description = "The dataset's name, a-z, 0-9, hyphens and dots, 1…64 characters. Default: what the source is called." };
    private readonly Option<string?> _version = new("--dataset-version")
    {
        Description = "The dataset's version. Default: the one that is under way, or else the next (v1, v2 …), which takes what is new since the last one.",
    };

    private readonly Option<string?> _since = new("--since") { Description = "A finished version: what it and those before it hold is left out. Default: the last one, when --dataset-version is left out." };
    private readonly Option<string?> _retry = new("--retry") { Description = "Reason codes with commas between: a finished version does again what failed for these, with the settings given now." };
    private readonly Option<bool> _dryRun = new("--dry-run") { Description = $"Make a sample (--sample, default {DryRunItems}) as its own version and print what the whole source would take. Its captions are kept and not paid again." };
    private readonly HostArguments _host = new();
    private readonly CurateArguments _arguments = new();
    private readonly Option<int?> _inFlight = CommonOptions.Number("--in-flight", "Shards at once, 1…500. Default: 4.", 1, 500);
    private readonly Option<bool> _json = CommonOptions.Json();

    public CurateCommand()
        : base("curate", "Caption, score and select the images of a source, and write training shards and a report. Killed or stopped, the same command goes on.")
    {
        Add(_source);
        Option[] options = [_dataset, _version, _since, _retry, _dryRun, .. _arguments.All, .. _host.All, _inFlight, _json];
        foreach (var option in options)
            Add(option);
        SetAction(Run);
    }

    private async Task<int> Run(ParseResult parsed, CancellationToken cancellationToken)
    {
        var (source, settings) = (parsed.GetRequiredValue(_source), _arguments.Settings(parsed));
        var place = Path.Exists(source) ? Path.GetFullPath(source) : source;
        var dataset = parsed.GetValue(_dataset) ?? CurationSubmission.NameOf(place);
        var options = _host.Read(parsed) with { Checkpoint = null, DownloadNetworks = _arguments.Networks(parsed) };
        WrongUseException.Unless(() => Checked(new CurationJob(place, dataset, parsed.GetValue(_version) ?? "v1", parsed.GetValue(_since), settings)));
        await using var host = await LocalHost.Open(options, cancellationToken);

        var job = await Versioned(host, parsed, new CurationJob(place, dataset, "v1", parsed.GetValue(_since), settings), cancellationToken);
        var pace = new Pace(parsed.GetValue(_inFlight) ?? CurationSubmission.Pace.InFlight);
        var started = await CurationSubmission.Start(host.Client, host.Blobs, job, pace, cancellationToken);
        if (parsed.GetValue(_retry) is { } reasons && started.Instance.IsFinished)
            await CurationSubmission.Retry(host.Client, started.Instance.Id, reasons.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries));
        var ended = await ProgressView.ToTheEnd(host, [(dataset, started.Instance.Id)], linesWhenRedirected: false, cancellationToken);
        var exit = RunOutput.Print(ended[0], parsed.GetValue(_json));
        if (parsed.GetValue(_dryRun) && ended[0] is { Status: WorkflowStatus.Completed } made)
            await Estimate.Print(host, job, made.ReadOutput<CurateSummary>(), parsed.GetValue(_json), cancellationToken);
        return exit;
    }

    private async Task<CurationJob> Versioned(LocalHost host, ParseResult parsed, CurationJob job, CancellationToken cancellationToken)
    {
        if (parsed.GetValue(_dryRun))
            return job with { Version = "dry-run", Settings = job.Settings with { Sample = job.Settings.Sample ?? DryRunItems } };
        if (parsed.GetValue(_version) is { } version)
            return job with { Version = version };
        return await CurationSubmission.Next(host.Blobs, job, cancellationToken);
    }

    private static CurationJob Checked(CurationJob job)
    {
        CurationSubmission.Check(job);
        return job;
    }
}
