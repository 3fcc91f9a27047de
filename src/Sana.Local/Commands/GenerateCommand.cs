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
    private readonly HostArguments _host = new(defaultData: null, defaultOut: "out");
    private readonly GenerateArguments _arguments = new();
    private readonly Option<int?> _inFlight = CommonOptions.Number("--in-flight", "Batches on their way at once, 1…500. Default: 16.", 1, 500);
    private readonly Option<int?> _deadline = CommonOptions.Number("--deadline", "Seconds that one batch may take, 1…604800; after that it is tried again. Default: 3600.", 1, 604_800);
    private readonly Option<bool> _json = CommonOptions.Json();

    public GenerateCommand()
        : base("generate", "Make images from prompts. The same command again skips what is there; a run that was stopped or killed goes on.")
    {
        Option[] options = [.. _arguments.All, .. _host.All, _inFlight, _deadline, _json];
        foreach (var option in options)
            Add(option);
        SetAction(Run);
    }

    private async Task<int> Run(ParseResult parsed, CancellationToken cancellationToken)
    {
        var clock = Stopwatch.StartNew();
        var options = _host.ReadWithCheckpoint(parsed);
        var job = WrongUseException.Unless(() => _arguments.Job(parsed, Device.Parse(options.Device)));
        await using var host = await LocalHost.Open(options with { Worker = options.Worker with { WarmsUp = false } }, cancellationToken);
        var model = await host.Model(cancellationToken);
        WrongUseException.Unless(() => GenerateSubmission.Check(job, model));
        var pace = new Pace(parsed.GetValue(_inFlight) ?? 16, parsed.GetValue(_deadline) ?? 3600);
        var started = await GenerateSubmission.Start(host.Client, host.Blobs, model.Fingerprint, job, pace, cancellationToken);
        var ended = (await ProgressView.ToTheEnd(host, [("images", started.Instance.Id)], linesWhenRedirected: false, cancellationToken))[0];
        return Report(host, ended, clock.Elapsed, parsed.GetValue(_json));
    }

    private static int Report(LocalHost host, WorkflowInstance ended, TimeSpan elapsed, bool json)
    {
        if (ended.Status != WorkflowStatus.Completed)
            throw new SanaException(ended.Error ?? $"{ended.Id} was canceled; sana resume goes on.");
        var run = ended.ReadOutput<GenerateSummary>();
        var made = Math.Min(host.Jobs.Recent.Settled(run.RunId), run.Succeeded + run.Failed);
        var skipped = run.Succeeded + run.Failed - made;
        if (!json)
            Console.WriteLine($"{run.Succeeded} images in {host.Blobs.Place}, runs/{run.RunId}/ ({skipped} were there before, {elapsed.TotalSeconds:0.0} s).");
        var exitCode = RunOutput.End(ended);
        if (json)
        {
            var status = exitCode switch { ExitCode.Done => "succeeded", ExitCode.SomeFailed => "some_failed", _ => "failed" };
            Reports.WriteJson(
                new GenerateReport(
                    ended.Id, run.RunId, host.Blobs.Place, run.Manifest, status, made, skipped, run.Failed, run.Rejected, run.Reasons, Math.Round(elapsed.TotalSeconds, 3)),
                Reports.Json.GenerateReport);
        }

        return exitCode;
    }
}
