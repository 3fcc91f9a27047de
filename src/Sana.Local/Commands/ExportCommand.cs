using System.CommandLine;
using System.Globalization;
using Sana.Curation.Export;
using Sana.Jobs.Curation;
using Sana.Local.Hosting;

namespace Sana.Local.Commands;

/// <summary><c>sana export</c>: a finished dataset in the layout of another tool.</summary>
internal sealed class ExportCommand : Command
{
    private readonly Argument<string> _dataset = CommonOptions.FinishedDataset();


    private readonly Option<string> _to = new("--to")
    {
        Description = "imagefolder: images and metadata.jsonl, for datasets and diffusers' scripts. folder: images, each with a .txt, for kohya's scripts, "
            + "OneTrainer and SimpleTuner. parquet: Parquet files with the images and a dataset card, for the Hub. "
            + "sana-img: meta_data.json and files of captions, for Sana's SanaImgDataset.",
        Required = true,
    };

    private readonly Option<string?> _out = CommonOptions.Place("--out",
        "Empty, new, or an export that goes on. Default: the folder <dataset>-<version>-<format>.");
    private readonly Option<string> _captions = new("--captions")
    {
        Description = "chosen, all (of each image, where the layout can hold several), or the label of a captioner; prompt for those that came with the "
            + "images. Default: chosen.",
        HelpName = "which",
        DefaultValueFactory = _ => ExportOptions.Chosen,
    };

    private readonly Option<string?> _selection = new("--selection")
    {
        Description = "The label of a choice that sana select made: its captions stand for the chosen ones. Default: the dataset's own choice.",
        HelpName = "label",
    };


    private readonly Option<string?> _version = CommonOptions.DatasetVersion();
    private readonly Option<string> _data = CommonOptions.Data();
    private readonly Option<string?> _blobs = CommonOptions.DatasetPlace();


    private readonly Option<bool> _json = CommonOptions.Json();

    public ExportCommand()
        : base("export", "Write a finished dataset in the layout of another tool. The same command again goes on after a kill and writes nothing twice.")
    {
        _to.AcceptOnlyFromAmong([.. Enum.GetValues<ExportFormat>().Select(format => format.Name())]);
        Add(_dataset);
        Option[] options = [_to, _out, _captions, _selection, _version, _data, _blobs, _json];
        foreach (var option in options)
            Add(option);
        SetAction(Run);
    }

    private async Task<int> Run(ParseResult parsed, CancellationToken cancellationToken)
    {
        var place = parsed.GetValue(_blobs) ?? HostFile.Place(parsed.GetRequiredValue(_data));
        var dataset = await DatasetExports.Find(parsed.GetRequiredValue(_dataset), parsed.GetValue(_version), place, cancellationToken);
        var options = WrongUseException.Unless(() => new ExportOptions
        {
            Format = ExportFormats.Parse(parsed.GetRequiredValue(_to)),
            Captions = parsed.GetRequiredValue(_captions),
            Selection = parsed.GetValue(_selection),
        }.Check(dataset.Labels));
        var target = parsed.GetValue(_out) ?? $"{dataset.Dataset}-{dataset.Version}-{options.Format.Name()}";
        var summary = await DatasetExports.Run(dataset, options, target, cancellationToken);
        if (parsed.GetValue(_json))
            Reports.WriteJson(summary, Reports.Json.ExportSummary);
        else
            Console.WriteLine(Sentence(summary));
        return End(summary);
    }

    private static string Sentence(ExportSummary made)
    {
        var joined = made.Joined == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"; line breaks of {made.Joined} captions are spaces now");
        var left = made.LeftOut.Count == 0 ? "" : $"; left out: {Codes(made.LeftOut)}";
        var rest = made.NotInShards.Count == 0 ? "" : $"; not in the shards: {Codes(made.NotInShards)}";
        return string.Create(CultureInfo.InvariantCulture,
            $"{made.Dataset} {made.Version} as {made.Format.Name()}: {RunOutput.Images(made.Images)}, {made.Texts} captions in {made.Place} ")
            + string.Create(CultureInfo.InvariantCulture,
                $"({made.Written} files written, {made.Kept} there already); images are copied out of the tars{joined}{left}{rest}.");
    }

    private static int End(ExportSummary made)
    {
        if (made.Images == 0)
            return Fail(ExitCode.Failed, $"No image was exported: {(made.LeftOut.Count == 0 ? "the dataset has none" : Codes(made.LeftOut))}.");
        return made.FirstMissing is null ? ExitCode.Done
            : Fail(ExitCode.SomeFailed, $"The dataset is not whole: {Codes(made.LeftOut)}, the first is {made.FirstMissing}; restore it from a copy, or "
                + "curate the dataset again.");
    }

    private static string Codes(IReadOnlyDictionary<string, long> counts) =>
        string.Join(", ", counts.Select(count => string.Create(CultureInfo.InvariantCulture, $"{count.Key} {count.Value}")));

    private static int Fail(int exitCode, string sentence)
    {
        Console.Error.WriteLine($"sana: {sentence}");
        return exitCode;
    }
}
