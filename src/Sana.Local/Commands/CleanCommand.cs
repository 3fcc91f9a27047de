using System.CommandLine;
using System.Globalization;
using Sana.Jobs.Curation;
using Sana.Local.Hosting;
using Sana.Storage;
using Sana.Storage.Blobs;

namespace Sana.Local.Commands;

/// <summary><c>sana clean</c>: gives back disk that finished runs do not need.</summary>
internal sealed class CleanCommand : Command
{
    private readonly Option<bool> _captions = new("--captions") { Description = "Remove cached captions too; another run asks and pays for them again. Default: they stay." };
    private readonly Option<bool> _quarantine = new("--quarantine") { Description = "Remove files that are no image, and generated images outside a limit of a judge, too. Default: they stay." };
    private readonly Option<bool> _work = new("--work") { Description = "Remove the lists and rows of published versions too; what failed in them cannot be retried any more. Default: they stay." };
    private readonly Option<bool> _dryRun = new("--dry-run") { Description = "Only count. Default: off." };
    private readonly Option<string> _data = CommonOptions.Data();
    private readonly Option<string?> _out = CommonOptions.Place("--out", "Default: as the last time, or the folder blobs in the data folder.");
    private readonly Option<bool> _json = CommonOptions.Json();

    public CleanCommand()
        : base("clean", "Remove normalised images that runs left in the cache, and on request captions, quarantined files and the work of published versions.")
    {
        Option[] options = [_captions, _quarantine, _work, _dryRun, _data, _out, _json];
        foreach (var option in options)
            Add(option);
        SetAction(Run);
    }

    private async Task<int> Run(ParseResult parsed, CancellationToken cancellationToken)
    {
        var place = parsed.GetValue(_out) ?? HostFile.Place(parsed.GetRequiredValue(_data));
        var blobs = await WrongUseException.Unless(() => BlobPlace.Parse(place)).Open(cancellationToken);
        var options = new CleanOptions { Captions = parsed.GetValue(_captions), Quarantine = parsed.GetValue(_quarantine), Work = parsed.GetValue(_work), IsDryRun = parsed.GetValue(_dryRun) };
        var report = await Cleaning.Run(blobs, options, cancellationToken);
        if (parsed.GetValue(_json))
        {
            Reports.WriteJson(report, Reports.Json.CleanReport);
            return ExitCode.Done;
        }

        Console.WriteLine($"{report.Place}:");
        foreach (var kind in report.Kinds)
        {
            var what = kind.IsRemoved ? report.IsDryRun ? "would be removed" : "removed" : "kept";
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{kind.Kind}: {Counted.Of(kind.Files, "file")}, {Counted.Bytes(kind.Bytes)} {what} ({kind.Prefix})"));
        }

        return ExitCode.Done;
    }
}
