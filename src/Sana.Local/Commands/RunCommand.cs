using System.CommandLine;
using Sana.Inference.Runtime;
using Sana.Jobs;
using Sana.Jobs.Generation;
using Sana.Local.Hosting;

namespace Sana.Local.Commands;

/// <summary><c>sana run</c>: a workflow on this machine, from its start or from where it stood, to its end.</summary>
internal sealed class RunCommand : Command
{
    public RunCommand()
        : base("run", "Run a workflow to its end. Killed or stopped, the same command or sana resume goes on.")
    {
        Add(new Generate());
        Add(new CurateCommand());
    }

    private static Option<int?> Deadline() => Accept.Number("--deadline", "Seconds for one batch from queue to end, 1…604800; after that it is sent again. Default: 3600.", 1, 604_800);

    private sealed class Generate : Command
    {
        private readonly HostArguments _host = new();
        private readonly GenerateArguments _arguments = new();
        private readonly Option<int?> _inFlight = Accept.Number("--in-flight", "Batches on their way at once, 1…500. Default: 16.", 1, 500);
        private readonly Option<int?> _deadline = Deadline();
        private readonly Option<bool> _json = Accept.Json();

        public Generate()
            : base("generate", "Make images from prompts, batch by batch through the queue.")
        {
            Option[] options = [.. _host.All, .. _arguments.All, _inFlight, _deadline, _json];
            foreach (var option in options)
                Add(option);
            SetAction(Run);
        }

        private async Task<int> Run(ParseResult parsed, CancellationToken cancellationToken)
        {
            var options = _host.ReadWithCheckpoint(parsed);
            var job = WrongUseException.Unless(() => _arguments.Job(parsed, Device.Parse(options.Device)));
            await using var host = await LocalHost.Open(options, cancellationToken);
            var pace = new Pace(parsed.GetValue(_inFlight) ?? 16, parsed.GetValue(_deadline) ?? 3600);
            var started = await Submission.Start(host.Client, host.Blobs, await host.Fingerprint(cancellationToken), job, pace, cancellationToken);
            return await Following.ToTheEnd(host, started.Instance.Id, parsed.GetValue(_json), cancellationToken);
        }
    }
}
