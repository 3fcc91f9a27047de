using System.CommandLine;
using System.Globalization;
using Sana.Curation.Selection;
using Sana.Jobs.Curation;
using Sana.Local.Hosting;
using Sana.Storage;
using Sana.Storage.Blobs;

namespace Sana.Local.Commands;

/// <summary><c>sana select</c>: another choice of captions for a finished dataset, in seconds.</summary>
internal sealed class SelectCommand : Command
{
    private readonly Argument<string> _dataset = new("dataset") { Description = "The dataset's name." };
    private readonly Option<string?> _version = CommonOptions.DatasetVersion();
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
        Console.WriteLine($"{summary.Dataset} {summary.Version}: {summary.Selected} of {Counted.Of(summary.Rows, "row")} with a caption ({labels}); {summary.Changed} changed, {summary.Dropped} dropped.");
        return ExitCode.Done;
    }
}

/// <summary>Which caption is chosen: the options that <c>sana curate</c> and <c>sana select</c> share.</summary>
internal sealed class SelectionArguments
{
    private readonly Option<string?> _rule = new("--rule")
    {
        Description = "power (Sana's code: score^(1/tau) above the threshold), softmax (the paper), max, top-k or proportion. Default: power.",
    };

    private readonly Option<double?> _tau = CommonOptions.Number("--tau", "Temperature of power and softmax, 0…1000. Default: 0.1.", 0.0, 1000.0);
    private readonly Option<string?> _scoreBy = new("--score-by")
    {
        Description = "Name of the scorer whose scores count, as after clip_score__ in the index, where there are several. Other thresholds belong to another: --threshold is that of its family unless it is given. Default: the first --scorer.",
        HelpName = "name",
    };

    private readonly Option<double?> _threshold = CommonOptions.Number("--threshold", "Captions that score less are not drawn, 0…100 (100 × cosine). Default: 25 by CLIP, 10 by SigLIP.", 0.0, 100.0);
    private readonly Option<double?> _imageThreshold = CommonOptions.Number("--image-threshold", "Images that score less are dropped, 0…100; Sana-1.5 and Sprint use 22, by CLIP. Default: 0.", 0.0, 100.0);
    private readonly Option<int?> _k = CommonOptions.Number("--k", "How many of the best top-k draws from, 1…100. Default: 3.", 1, 100);
    private readonly Option<string?> _proportions = new("--proportions") { Description = "Weights of labels for proportion, such as prompt=1,vila=3. Default: prompt=1.", HelpName = "weights" };
    private readonly Option<ulong?> _seed = CommonOptions.Number("--selection-seed", "0…18446744073709551615; another seed draws other captions. Default: 0.", ulong.MinValue, ulong.MaxValue);

    public SelectionArguments() => _rule.AcceptOnlyFromAmong("power", "softmax", "max", "top-k", "proportion");

    public IEnumerable<Option> All => [_rule, _tau, _scoreBy, _threshold, _imageThreshold, _k, _proportions, _seed];

    /// <summary>The given options with what was asked for.</summary>
    /// <exception cref="WrongUseException">A value cannot be used.</exception>
    public SelectionOptions Read(ParseResult parsed, SelectionOptions before) => WrongUseException.Unless(() => (OnItsScale(parsed, before) with
    {
        Rule = parsed.GetValue(_rule) is { } rule ? SelectionRules.Parse(rule) : before.Rule,
        Tau = parsed.GetValue(_tau) ?? before.Tau,
        K = parsed.GetValue(_k) ?? before.K,
        Proportions = parsed.GetValue(_proportions) is { } weights ? Weights(weights) : before.Proportions,
        Seed = parsed.GetValue(_seed) ?? before.Seed,
    }).Check());

    // Thresholds of another scorer's scores are on another scale.
    private SelectionOptions OnItsScale(ParseResult parsed, SelectionOptions before)
    {
        var (scorer, image) = (parsed.GetValue(_scoreBy) ?? before.Scorer, parsed.GetValue(_imageThreshold));
        var isOther = before.Scorer is not null && scorer != before.Scorer;
        if (isOther && image is null && before.ImageThreshold > 0)
            throw new WrongUseException(FormattableString.Invariant($"--image-threshold {before.ImageThreshold} of the dataset is on the scale of {before.Scorer}; give one for {scorer}, or 0."));
        return before with
        {
            Scorer = scorer,
            Threshold = parsed.GetValue(_threshold) ?? (isOther ? null : before.Threshold),
            ImageThreshold = image ?? before.ImageThreshold,
        };
    }

    private static Dictionary<string, double> Weights(string text)
    {
        var weights = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach (var part in text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            if (part.Split('=') is not [var label, var weight] || !double.TryParse(weight, NumberStyles.Float, CultureInfo.InvariantCulture, out var number))
                throw new WrongUseException($"'{part}' is not a label with its weight, such as prompt=1.");
            weights[label] = number;
        }

        return weights;
    }
}
