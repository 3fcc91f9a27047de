using System.CommandLine;
using Sana.Inference.Diffusion;
using Sana.Inference.Runtime;
using Sana.Jobs.Networks;
using Sana.Jobs.Worker;
using Sana.Local.Hosting;
using Sana.Storage.Blobs;

namespace Sana.Local.Commands;

/// <summary>What a host is opened with; what is left out is as it was the last time on the same data folder.</summary>
internal sealed class HostArguments
{
    private readonly Option<string?> _data;
    private readonly Option<string?> _checkpoint = new("--checkpoint", "-c") { Description = $"Folder of a Sana checkpoint in diffusers layout, {CommonOptions.OrRepository}. Missing graphs are built. Default: as the last time with this --data.", HelpName = "place" };
    private readonly Option<string?> _graphs = CommonOptions.Graphs();
    private readonly Option<string?> _decoder = CommonOptions.Decoder("as the last time with this --data, or the checkpoint's own");
    private readonly Option<string?> _judges = new("--judges")
    {
        Description = "File whose judges score every image before it is written, as captioners.json has them; what is outside a min or max is a failed image with the reason policy. none for nobody. Default: judges of sana.json, or as the last time with this --data, or nobody.",
        HelpName = "file",
    };

    private readonly Option<string?> _outside = new("--outside-limits") { Description = "What becomes of an image outside a limit of a judge: withhold (it is not written) or quarantine (it is written under quarantine/ and never linked). Default: outside_limits of sana.json, or as the last time with this --data, or withhold." };

    private readonly Option<string?> _device = CommonOptions.Device();
    private readonly Option<string?> _precision = CommonOptions.Precision("precision of sana.json, or as the last time with this --data, or auto: mixed on a GPU, float32 on a processor");
    private readonly Option<string?> _out;
    private readonly Option<string?> _queue = new("--queue")
    {
        Description = "sqlite; azurite[:queue]; storage connection string, with ;Queue=name; https://account.queue.core.windows.net[/queue]. Default: as the last time, or sqlite.",
        HelpName = "place",
    };

    private readonly Option<string?> _journal = CommonOptions.Journal("Default: as the last time, or sqlite.");
    private readonly Option<int?> _visibility = CommonOptions.Number("--visibility", "Seconds for which a message is held without a sign of life, 1…86400. Default: 60.", 1, 86_400);
    private readonly Option<int?> _deaths = CommonOptions.Number("--max-engine-deaths", "Deaths of a worker under one job after which it is given up, 1…1000. Default: 2 of the runtime, 5 of the process; one that was told to stop does not count.", 1, 1000);

    /// <param name="defaultData">The data folder where none is given; null keeps journal and queue in memory.</param>
    /// <param name="defaultOut">Where outputs go when there is no data folder.</param>
    public HostArguments(string? defaultData = "sana-data", string? defaultOut = null)
    {
        _data = new Option<string?>("--data")
        {
            Description = defaultData is null
                ? "Folder of journal and queue: sana status, suspend, cancel, retry and resume work on it. Default: none, the run is kept in memory and its outputs say what is done."
                : $"Folder of journal, queue and sana.json. One process owns it. Default: {defaultData}.",
            HelpName = "folder",
            DefaultValueFactory = _ => defaultData,
        };
        _out = CommonOptions.Place("--out", defaultOut is null ? "Default: as the last time, or the folder blobs in the data folder." : $"Default: {defaultOut}; with --data as the last time, or the folder blobs in it.");
        _outWithoutData = defaultOut;
        _outside.AcceptOnlyFromAmong(GateConfig.Withhold, GateConfig.Quarantine);
    }

    private readonly string? _outWithoutData;

    public IEnumerable<Option> All => [_data, _checkpoint, _decoder, _graphs, _judges, _outside, _device, _precision, _out, _queue, _journal, _visibility, _deaths];

    /// <summary>The data folder and the journal's place as they are given, before anything else is looked at.</summary>
    public (string? Data, string? Journal) Folder(ParseResult parsed) => (parsed.GetValue(_data), parsed.GetValue(_journal));

    /// <exception cref="WrongUseException">A place or the device is not understood.</exception>
    public LocalOptions Read(ParseResult parsed)
    {
        var options = new LocalOptions
        {
            Data = parsed.GetValue(_data),
            Blobs = parsed.GetValue(_out),
            Checkpoint = parsed.GetValue(_checkpoint),
            Decoder = parsed.GetValue(_decoder),
            Graphs = parsed.GetValue(_graphs),
            Judges = parsed.GetValue(_judges),
            OutsideLimits = parsed.GetValue(_outside),
            Device = parsed.GetValue(_device) ?? "cpu",
            Precision = parsed.GetValue(_precision) ?? "auto",
            Queue = parsed.GetValue(_queue) ?? "sqlite",
            Journal = parsed.GetValue(_journal) ?? "sqlite",
            Worker = new RenderWorkerOptions
            {
                Visibility = TimeSpan.FromSeconds(parsed.GetValue(_visibility) ?? 60),
                MaxEngineDeaths = parsed.GetValue(_deaths) ?? 2,
                MaxProcessDeaths = parsed.GetValue(_deaths) ?? 5,
            },
        };
        WrongUseException.Unless(() => BlobPlace.Parse(options.Blobs ?? "blobs"));
        WrongUseException.Unless(() => Device.Parse(options.Device));
        if (options.Judges is { } judges and not LocalOptions.NoJudges)
            WrongUseException.Unless(() => GateConfig.Load(judges, options.OutsideLimits));
        if (options.Data is not null)
        {
            return Usable(HostFile.Complete(
                options, parsed.GetValue(_device) is not null, parsed.GetValue(_precision) is not null, parsed.GetValue(_queue) is not null, parsed.GetValue(_journal) is not null));
        }

        foreach (var option in new Option[] { _queue, _journal, _visibility, _deaths })
        {
            if (parsed.GetResult(option) is { Implicit: false })
                throw new WrongUseException($"{option.Name} needs --data: without it journal and queue are in memory.");
        }

        return Usable(options with
        {
            Blobs = options.Blobs ?? _outWithoutData,
            Worker = options.Worker with { Poll = TimeSpan.FromMilliseconds(10), Grace = TimeSpan.Zero },
        });
    }

    // A device has kernels for some precisions only.
    private static LocalOptions Usable(LocalOptions options)
    {
        WrongUseException.Unless(() => PrecisionName.Parse(options.Precision).On(Device.Parse(options.Device)));
        return options;
    }

    /// <exception cref="WrongUseException">There is no checkpoint.</exception>
    public LocalOptions ReadWithCheckpoint(ParseResult parsed)
    {
        var options = Read(parsed);
        if (options.Checkpoint is null)
            throw new WrongUseException("Option '--checkpoint' is required: give the folder that holds model_index.json, or a repository of the Hub as owner/name.");
        if (options.Decoder is not null && CheckpointPlace.Fault(options.Decoder, "decoder's folder", "the autoencoder's config.json") is { } lost)
            throw new WrongUseException(lost);
        return CheckpointPlace.Fault(options.Checkpoint) is { } fault ? throw new WrongUseException(fault) : options;
    }
}
