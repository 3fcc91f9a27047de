using System.CommandLine;
using Sana.Inference.Runtime;
using Sana.Jobs.Rendering;
using Sana.Local.Hosting;
using Sana.Storage.Blobs;

namespace Sana.Local.Commands;

/// <summary>What the data folder is opened with; what is left out is as it was the last time.</summary>
internal sealed class HostArguments
{
    private readonly Option<string> _data = Accept.Data();
    private readonly Option<string?> _checkpoint = new("--checkpoint", "-c") { Description = "Folder of a Sana checkpoint in diffusers layout. Default: as the last time.", HelpName = "folder" };
    private readonly Option<string?> _device = Accept.Device();
    private readonly Option<string?> _out = Accept.Place("--out", "Default: as the last time, or the folder blobs in the data folder.");
    private readonly Option<string?> _queue = new("--queue")
    {
        Description = "sqlite; azurite[:queue]; storage connection string, with ;Queue=name. Default: as the last time, or sqlite.",
        HelpName = "place",
    };

    private readonly Option<string?> _journal = Accept.Journal("Default: as the last time, or sqlite.");
    private readonly Option<int?> _visibility = Accept.Number("--visibility", "Seconds for which a message is held without a sign of life, 1…86400. Default: 60.", 1, 86_400);
    private readonly Option<int?> _deaths = Accept.Number("--max-engine-deaths", "Deaths of a worker under one job after which it is given up, 1…1000. Default: 2 of the runtime, 5 of the process.", 1, 1000);

    public IEnumerable<Option> All => [_data, _checkpoint, _device, _out, _queue, _journal, _visibility, _deaths];

    /// <exception cref="WrongUseException">A place or the device is not understood.</exception>
    public LocalOptions Read(ParseResult parsed)
    {
        var options = HostFile.Complete(
            new LocalOptions
            {
                Data = parsed.GetRequiredValue(_data),
                Blobs = parsed.GetValue(_out),
                Checkpoint = parsed.GetValue(_checkpoint),
                Device = parsed.GetValue(_device) ?? "cpu",
                Queue = parsed.GetValue(_queue) ?? "sqlite",
                Journal = parsed.GetValue(_journal) ?? "sqlite",
                Worker = new RenderWorkerOptions
                {
                    Visibility = TimeSpan.FromSeconds(parsed.GetValue(_visibility) ?? 60),
                    MaxEngineDeaths = parsed.GetValue(_deaths) ?? 2,
                    MaxProcessDeaths = parsed.GetValue(_deaths) ?? 5,
                },
            },
            parsed.GetValue(_device) is not null,
            parsed.GetValue(_queue) is not null,
            parsed.GetValue(_journal) is not null);
        WrongUseException.Unless(() => BlobPlace.Parse(options.Blobs ?? "blobs"));
        WrongUseException.Unless(() => Device.Parse(options.Device));
        return options;
    }

    /// <exception cref="WrongUseException">There is no checkpoint.</exception>
    public LocalOptions ReadWithCheckpoint(ParseResult parsed)
    {
        var options = Read(parsed);
        return Directory.Exists(options.Checkpoint)
            ? options
            : throw new WrongUseException($"There is no checkpoint folder '{options.Checkpoint}'; give --checkpoint the folder that holds model_index.json.");
    }
}
