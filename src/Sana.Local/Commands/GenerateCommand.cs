using System.CommandLine;
using System.Diagnostics;
using Sana.GraphBuilder;
using Sana.Inference.Diffusion;
using Sana.Inference.Runtime;
using Sana.Jobs.Generation;
using Sana.Storage.Blobs;

namespace Sana.Local.Commands;

/// <summary><c>sana generate</c>: prompts to images.</summary>
internal sealed class GenerateCommand : Command
{
    private readonly Option<string> _checkpoint = Accept.CheckpointOption();
    private readonly GenerateArguments _arguments = new();
    private readonly Option<string?> _device = Accept.Device();
    private readonly Option<string?> _out = Accept.Place("--out", "Default: out.");
    private readonly Option<bool> _json = Accept.Json();

    public GenerateCommand()
        : base("generate", "Make images from prompts. The same command again skips what is there; a run that was stopped or killed goes on.")
    {
        Option[] options = [_checkpoint, .. _arguments.All, _device, _out, _json];
        foreach (var option in options)
        {
            Add(option);
        }

        SetAction(Run);
    }

    private async Task<int> Run(ParseResult parsed, CancellationToken cancellationToken)
    {
        var clock = Stopwatch.StartNew();
        var place = WrongUseException.Unless(() => BlobPlace.Parse(parsed.GetValue(_out) ?? "out"));
        var device = WrongUseException.Unless(() => Device.Parse(parsed.GetValue(_device) ?? "cpu"));
        var job = WrongUseException.Unless(() => _arguments.Job(parsed, device));

        var checkpoint = parsed.GetRequiredValue(_checkpoint);
        SanaCheckpoint.Build(checkpoint, new BuildOptions());
        using var pipeline = SanaPipeline.Load(checkpoint, new PipelineOptions { Device = device });
        var run = WrongUseException.Unless(() => GenerateRun.Prepare(job, new PipelineRenderer(pipeline)));

        var blobs = await place.Open(cancellationToken);
        var json = parsed.GetValue(_json);
        var summary = json || Console.IsErrorRedirected
            ? await run.Execute(blobs, progress: null, cancellationToken)
            : await GenerateProgressView.Watch(run.Total, progress => run.Execute(blobs, progress, cancellationToken));
        return Report(summary, blobs.Place, clock.Elapsed, json);
    }

    private static int Report(RunSummary summary, string place, TimeSpan elapsed, bool json)
    {
        var good = summary.Made + summary.Skipped - summary.Failed;
        var lost = summary.Failed + summary.Rejected;
        var (status, exitCode) = (good, lost) switch
        {
            (_, 0) => ("succeeded", ExitCode.Done),
            (0, _) => ("failed", ExitCode.Failed),
            _ => ("some_failed", ExitCode.SomeFailed),
        };
        if (json)
        {
            Reports.WriteJson(
                new GenerateReport(
                    summary.RunId, place, summary.Manifest, status, summary.Made, summary.Skipped, summary.Failed, summary.Rejected, summary.Reasons, Math.Round(elapsed.TotalSeconds, 3)),
                Reports.Json.GenerateReport);
            return exitCode;
        }

        Console.WriteLine($"{good} images in {place}, runs/{summary.RunId}/ ({summary.Skipped} were there before, {elapsed.TotalSeconds:0.0} s).");
        if (lost > 0)
        {
            var reasons = string.Join(", ", summary.Reasons.Select(reason => $"{reason.Key} {reason.Value}"));
            Console.Error.WriteLine($"sana: {summary.Failed} images failed and {summary.Rejected} rows were left out ({reasons}); see runs/{summary.RunId}/outcomes/.");
        }

        return exitCode;
    }
}
