using System.CommandLine;
using Sana.Inference.Runtime;
using Sana.Local.Hosting;
using Sana.Workflows;
using Sana.Workflows.Curation;
using Sana.Workflows.Generation;

namespace Sana.Local.Commands;

/// <summary><c>sana run</c>: a workflow on this machine, from its start or from where it stood, to its end.</summary>
internal sealed class RunCommand : Command
{
    public RunCommand()
        : base("run", "Run a workflow to its end. Killed or stopped, the same command or sana resume goes on.")
    {
        Add(new Generate());
        Add(new Curate());
    }

    private static Option<int?> InFlight() => Accept.Number("--in-flight", "Batches or shards on their way at once, 1…500. Default: 16.", 1, 500);

    private static Option<int?> Deadline() => Accept.Number("--deadline", "Seconds for one batch from queue to end, 1…604800; after that it is sent again. Default: 3600.", 1, 604_800);

    private sealed class Generate : Command
    {
        private readonly HostArguments _host = new();
        private readonly GenerateArguments _arguments = new();
        private readonly Option<int?> _inFlight = InFlight();
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
            var started = await Submission.Start(host.Client, host.Blobs, job, pace, cancellationToken);
            return await Following.ToTheEnd(host, started.Instance.Id, parsed.GetValue(_json), cancellationToken);
        }
    }

    private sealed class Curate : Command
    {
        private readonly Argument<string> _source = new("source") { Description = "Folder of images, azurite:container, or a container's https address without a signature." };
        private readonly Option<string> _dataset = new("--dataset") { Description = "The dataset's name, a-z, 0-9, hyphens and dots, 1…64 characters.", Required = true };
        private readonly Option<string> _version = new("--dataset-version") { Description = "The dataset's version. Default: v1.", DefaultValueFactory = _ => "v1" };
        private readonly Option<int?> _items = Accept.Number("--items", "Files of one shard, 1…10000. Default: 1000.", 1, 10_000);
        private readonly HostArguments _host = new();
        private readonly Option<int?> _inFlight = InFlight();
        private readonly Option<bool> _json = Accept.Json();

        public Curate()
            : base("curate", "Examine a source of images and write its index and manifest.")
        {
            Add(_source);
            Option[] options = [_dataset, _version, _items, .. _host.All, _inFlight, _json];
            foreach (var option in options)
                Add(option);
            SetAction(Run);
        }

        private async Task<int> Run(ParseResult parsed, CancellationToken cancellationToken)
        {
            var (source, dataset, version) = (parsed.GetRequiredValue(_source), parsed.GetRequiredValue(_dataset), parsed.GetRequiredValue(_version));
            var place = Directory.Exists(source) ? Path.GetFullPath(source) : source;
            var request = new CurateRequest(place, dataset, version, parsed.GetValue(_items) ?? 1000, new Pace(parsed.GetValue(_inFlight) ?? 16));
            WrongUseException.Unless(() =>
            {
                CurateSteps.Check(request);
                return request;
            });
            await using var host = await LocalHost.Open(_host.Read(parsed) with { Checkpoint = null }, cancellationToken);
            var id = $"curate-{dataset}-{version}";
            var failed = await host.Client.Get(id) is { IsFinished: true, Status: not Workflows.Contract.WorkflowStatus.Completed };
            await host.Client.Start(Jobs.Curate, request, id, restartFinished: failed);
            return await Following.ToTheEnd(host, id, parsed.GetValue(_json), cancellationToken);
        }
    }
}
