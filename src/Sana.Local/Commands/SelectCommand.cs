using System.CommandLine;
using System.Globalization;
using Sana.Jobs.Curation;
using Sana.Local.Hosting;
using Sana.Storage.Blobs;

namespace Sana.Local.Commands;

/// <summary><c>sana select</c>: another choice of captions for a finished dataset, in seconds.</summary>
internal sealed class SelectCommand : Command
{
    private readonly Argument<string> _dataset = new("dataset") { Description = "The dataset's name." };
    private readonly Option<string?> _version = new("--dataset-version") { Description = "The dataset's version. Default: the last finished one." };
    private readonly Option<string> _label = new("--label") { Description = "What the choice is called in sidecars and table, ASCII letters, digits, hyphens and underscores. Default: selected.", DefaultValueFactory = _ => "selected" };
    private readonly SelectionArguments _selection = new();
    private readonly Option<string> _data = CommonOptions.Data();
    private readonly Option<string?> _out = CommonOptions.Place("--out", "Default: as the last time, or the folder blobs in the data folder.");
    private readonly Option<bool> _json = CommonOptions.Json();

    public SelectCommand()
        : base("select", "Choose captions again in a finished dataset: no captioner is asked and nothing is scored. Options that are left out are the dataset's own.")
    {
        Add(_dataset);
        Option[] options = [_version, _label, .. _selection.All, _data, _out, _json];
        foreach (var option in options)
            Add(option);
        SetAction(Run);
    }

    private async Task<int> Run(ParseResult parsed, CancellationToken cancellationToken)
    {
        var data = parsed.GetRequiredValue(_data);
        var place = parsed.GetValue(_out) ?? HostFile.Place(data);
        var blobs = await WrongUseException.Unless(() => BlobPlace.Parse(place)).Open(cancellationToken);
        var summary = await DatasetSelection.Run(
            blobs, parsed.GetRequiredValue(_dataset), parsed.GetValue(_version), parsed.GetRequiredValue(_label), before => _selection.Read(parsed, before), cancellationToken);
        if (parsed.GetValue(_json))
        {
            Reports.WriteJson(summary, Reports.Json.SelectionSummary);
            return ExitCode.Done;
        }

        var labels = string.Join(", ", summary.Labels.Select(label => string.Create(CultureInfo.InvariantCulture, $"{label.Key} {label.Value}")));
        Console.WriteLine($"{summary.Dataset} {summary.Version}: {summary.Selected} of {summary.Rows} rows have a caption ({labels}); {summary.Changed} changed, {summary.Dropped} dropped.");
        return ExitCode.Done;
    }
}
