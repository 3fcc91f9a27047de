using System.CommandLine;
using System.Globalization;
using System.Net;
using Sana.Curation.Captioning.Config;
using Sana.Curation.Ingest;
using Sana.Curation.Selection;
using Sana.Curation.Sources;
using Sana.Inference.Diffusion;
using Sana.Inference.Imaging;
using Sana.Inference.Runtime;
using Sana.Jobs.Curation;
using Sana.Jobs.Durable;
using Sana.Jobs.Networks;
using Sana.Local.Hosting;
using Sana.Storage;
using Sana.Storage.Net;
using Sana.Storage.Sources;

namespace Sana.Local.Commands;

/// <summary><c>sana curate</c>: a source of images to captions, scores, selection, training shards and a report, as a durable workflow.</summary>
internal sealed class CurateCommand : Command
{
    private const int DryRunItems = 100;

    private readonly Argument<string> _source = new("source")
    {
        Description = "Folder of images with captions beside them or in lists, of WebDataset tars, Parquet or Arrow tables; one of these files, or a zip; a list of names or URLs; azurite:container[/prefix]; a container's https address; s3://bucket[/prefix]; gs://bucket[/prefix]; hf:datasets/owner/name[@revision] of the Hugging Face Hub. Its first line says what it was found to be.",
    };

    private readonly Option<string?> _dataset = new("--dataset") { Description = "The dataset's name, a-z, 0-9, hyphens and dots, 1…64 characters. Default: what the source is called." };
    private readonly Option<string?> _version = new("--dataset-version")
    {
        Description = "The dataset's version. Default: the one that is under way, or else the next (v1, v2 …), which takes what is new since the last one.",
    };

    private readonly Option<string?> _since = new("--since") { Description = "A finished version: what it and those before it hold is left out. Default: the last one, when --dataset-version is left out." };
    private readonly Option<string?> _retry = new("--retry") { Description = "Reason codes with commas between: a finished version does again what failed for these, with the settings given now." };
    private readonly Option<bool> _dryRun = new("--dry-run") { Description = $"Make a sample (--sample, default {DryRunItems}) as its own version and print what the whole source would take. Its captions are kept and not paid again." };
    private readonly HostArguments _host = new();
    private readonly CurateArguments _arguments = new();
    private readonly Option<int?> _inFlight = CommonOptions.Number("--in-flight", "Shards at once, 1…500. Default: 4.", 1, 500);
    private readonly Option<bool> _json = CommonOptions.Json();

    public CurateCommand()
        : base("curate", "Caption, score and select the images of a source, and write training shards and a report. Killed or stopped, the same command goes on.")
    {
        Add(_source);
        Option[] options = [_dataset, _version, _since, _retry, _dryRun, .. _arguments.All, .. _host.All, _inFlight, _json];
        foreach (var option in options)
            Add(option);
        SetAction(Run);
    }

    private async Task<int> Run(ParseResult parsed, CancellationToken cancellationToken)
    {
        var (source, settings) = (parsed.GetRequiredValue(_source), _arguments.Settings(parsed));
        var place = Path.Exists(source) ? Path.GetFullPath(source) : source;
        var dataset = parsed.GetValue(_dataset) ?? CurationSubmission.NameOf(place);
        var options = _host.Read(parsed) with { Checkpoint = null, DownloadNetworks = _arguments.Networks(parsed) };
        WrongUseException.Unless(() => Checked(new CurationJob(place, dataset, parsed.GetValue(_version) ?? "v1", parsed.GetValue(_since), settings)));
        WrongUseException.Unless(() => WithKernels(settings, Device.Parse(options.Device)));
        NameMissingKeys(settings);
        await using var host = await LocalHost.Open(options, cancellationToken);

        var job = await Versioned(host, parsed, new CurationJob(place, dataset, "v1", parsed.GetValue(_since), settings), cancellationToken);
        var pace = new Pace(parsed.GetValue(_inFlight) ?? CurationSubmission.Pace.InFlight);
        var started = await CurationSubmission.Start(host.Client, host.Blobs, job, pace, cancellationToken);
        if (parsed.GetValue(_retry) is { } reasons && started.Instance.IsFinished)
            await CurationSubmission.Retry(host.Client, started.Instance.Id, reasons.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries));
        if (await ProgressView.First(host, started.Instance.Id, cancellationToken) && await DiskNeed.Sentence(host.Blobs, job, cancellationToken) is { } disk)
            Console.Error.WriteLine($"curate: {disk}");
        var ended = await ProgressView.ToTheEnd(host, [("curate", started.Instance.Id)], linesWhenRedirected: false, cancellationToken);
        if (!parsed.GetValue(_json) && ended[0] is { Status: WorkflowStatus.Completed } done && done.ReadOutput<CurateSummary>().Source is { } facts)
            Console.WriteLine($"{source}: {facts.Line}");
        var exit = RunOutput.Print(ended[0], parsed.GetValue(_json));
        if (parsed.GetValue(_dryRun) && ended[0] is { Status: WorkflowStatus.Completed } made)
            await Estimate.Print(host, job, made.ReadOutput<CurateSummary>(), parsed.GetValue(_json), cancellationToken);
        return exit;
    }

    private async Task<CurationJob> Versioned(LocalHost host, ParseResult parsed, CurationJob job, CancellationToken cancellationToken)
    {
        if (parsed.GetValue(_dryRun))
            return job with { Version = "dry-run", Settings = job.Settings with { Sample = job.Settings.Sample ?? DryRunItems } };
        if (parsed.GetValue(_version) is { } version)
            return job with { Version = version };
        return await CurationSubmission.Next(host.Blobs, job, cancellationToken);
    }

    // A device has kernels for some precisions only.
    private static CurationSettings WithKernels(CurationSettings settings, Device device)
    {
        PrecisionName.Parse(settings.ScorerPrecision ?? PrecisionName.OfCuration[0]).On(device);
        foreach (var captioner in settings.ReadCaptioners())
            captioner.Precision.On(device);
        foreach (var judge in settings.ReadJudges())
            judge.Precision.On(device);
        return settings;
    }

    // Before the first image: a run whose captioners all lack their keys is not begun, one that lacks some says so.
    private static void NameMissingKeys(CurationSettings settings)
    {
        var captioners = settings.ReadCaptioners();
        var missing = captioners.Select(captioner => captioner.MissingKey()).OfType<string>().ToArray();
        if (missing.Length > 0 && missing.Length == captioners.Count)
            throw new WrongUseException(string.Join(" ", missing));
        foreach (var message in missing)
            Console.Error.WriteLine($"sana: {message} The other captioners go on.");
    }

    private static CurationJob Checked(CurationJob job)
    {
        CurationSubmission.Check(job);
        return job;
    }
}

/// <summary>How a dataset is made: the options of <c>sana curate</c> beside its source.</summary>
internal sealed class CurateArguments
{
    private readonly Option<string?> _captioners = new("--captioners") { Description = "File of captioners and judges of images (captioners.json): endpoints, models, prompts, limits, prices; aesthetic heads, classifiers, safety checkers with their limits. Default: only captions that come with the images, and no judge.", HelpName = "file" };
    private readonly Option<string[]> _scorers = CommonOptions.Scorers("Given again, further scores stand beside in columns of their own; captions are chosen by the first, or by --score-by. Default: captions are not scored.");
    private readonly Option<string?> _scorerPrecision = CommonOptions.ScorerPrecision();
    private readonly SelectionArguments _selection = new();
    private readonly Option<string?> _filters = new("--filters") { Description = "none, or datacomp-basic: sides of 200 px, at most 3 to 1, captions of 3 words. Default: none." };
    private readonly Option<int?> _distance = CommonOptions.Number("--similar", "Bits in which perceptual hashes of images that count as one may differ, 0…11; -1 takes equal bytes only. Default: 3.", -1, 11);
    private readonly Option<string?> _format = new("--format") { Description = "jpeg (quality 95, no chroma subsampling) or png: the form of all images of the dataset. Default: jpeg." };
    private readonly Option<int?> _items = CommonOptions.Number("--items", "Files of one shard, 1…10000. Default: 1000.", 1, 10_000);
    private readonly Option<int?> _sample = CommonOptions.Number("--sample", "Only so many items, spread evenly over the source, 1 or more. Default: all.", 1, int.MaxValue);
    private readonly Option<string[]> _concepts = new("--concept")
    {
        Description = "name=text|text[@threshold]: scores each image against texts by --scorer; from the threshold on, a number of its scale, it is left out as unsafe. May be given many times.",
        HelpName = "concept",
    };

    private readonly Option<decimal?> _budget = CommonOptions.Number("--budget", "What captions may cost, in the currency of their prices; then captioning stops and the rest goes on. Default: no limit.", 0m, 1_000_000_000m);
    private readonly Option<long?> _budgetTokens = CommonOptions.Number("--budget-tokens", "Tokens that captions may take, in and out. Default: no limit.", 0L, long.MaxValue);
    private readonly Option<double?> _maxFailures = CommonOptions.Number("--max-failures", "Share of a shard's items that may fail before the rest is left unread, 0…1. Default: 1, never.", 0.0, 1.0);
    private readonly Option<string[]> _captionFields = new("--caption-field")
    {
        Description = "A field, column or tar member that holds captions, such as description. May be given many times; then only these are taken. Default: those whose name says that they do (caption, text, prompt, description …).",
        HelpName = "name",
    };

    private readonly Option<bool> _editedCaptions = new("--edited-captions") { Description = "Take images of earlier versions again where their captions in the source have changed since. Default: only their number is said." };
    private readonly Option<bool> _keepImages = new("--keep-images") { Description = "Keep normalised images in the cache when the version is published. Default: only where a retry may cure something; sana clean removes them." };
    private readonly Option<string?> _encoding = new("--fallback-encoding") { Description = "Encoding of captions that are not UTF-8, such as windows-1252 or shift_jis. Default: they are left out, and noted." };
    private readonly Option<string[]> _networks = new("--allow-network") { Description = "A network or address that URLs of a manifest may lead to, on every port, although it is not public, such as 10.1.0.0/16. May be given many times.", HelpName = "cidr" };

    public CurateArguments()
    {
        _filters.AcceptOnlyFromAmong("none", "datacomp-basic");
        _format.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string?>()?.ToLowerInvariant() is not (null or "jpeg" or "jpg" or "png"))
                result.AddError("--format takes jpeg or png.");
        });
    }

    public IEnumerable<Option> All =>
    [
        _captioners, _scorers, _scorerPrecision, .. _selection.All, _filters, _distance, _format, _items, _sample, _concepts, _budget, _budgetTokens, _maxFailures,
            _captionFields, _editedCaptions, _keepImages, _encoding, _networks,
    ];

    /// <exception cref="WrongUseException">A file cannot be read or a value cannot be used.</exception>
    public CurationSettings Settings(ParseResult parsed) => WrongUseException.Unless(() =>
    {
        string[] scorers = [.. (parsed.GetValue(_scorers) ?? []).Select(Clip)];
        var settings = new CurationSettings
        {
            Captioners = parsed.GetValue(_captioners) is { } file ? CaptionerFile.Read(file) : null,
            Clip = scorers.Length > 0 ? scorers[0] : null,
            OtherScorers = scorers.Length > 1 ? scorers[1..] : null,
            ScorerPrecision = parsed.GetValue(_scorerPrecision) is { } precision && PrecisionName.Parse(precision) != Precision.Float32 ? precision : null,
            Selection = _selection.Read(parsed, new SelectionOptions()),
            Filters = FilterRules.Preset(parsed.GetValue(_filters) ?? "none"),
            Duplicates = new DuplicateOptions { MaxDistance = parsed.GetValue(_distance) switch { null => new DuplicateOptions().MaxDistance, < 0 => null, var bits => bits } },
            Ingest = new IngestOptions { Output = string.Equals(parsed.GetValue(_format), "png", StringComparison.OrdinalIgnoreCase) ? ImageFormat.Png : ImageFormat.Jpeg },
            ItemsPerShard = parsed.GetValue(_items) ?? 1000,
            Sample = parsed.GetValue(_sample),
            Concepts = [.. (parsed.GetValue(_concepts) ?? []).Select(Concept)],
            Budget = new Budget(parsed.GetValue(_budget), parsed.GetValue(_budgetTokens)),
            MaxFailures = parsed.GetValue(_maxFailures) ?? 1,
            // Whoever runs the command may read what links of the source lead to.
            Reading = new SourceOptions
            {
                FallbackEncoding = parsed.GetValue(_encoding),
                CaptionFields = parsed.GetValue(_captionFields) is { Length: > 0 } names ? names : null,
                Links = LinkRule.All
            },
            EditedCaptions = parsed.GetValue(_editedCaptions) ? true : null,
            KeepImages = parsed.GetValue(_keepImages) ? true : null,
        };
        settings.Check();
        return settings;
    });

    /// <exception cref="WrongUseException">A network cannot be read.</exception>
    public IReadOnlyList<IPNetwork> Networks(ParseResult parsed) => [.. (parsed.GetValue(_networks) ?? []).Select(text =>
        UrlRules.TryNetwork(text, out var network) ? network : throw new WrongUseException($"'{text}' is not a network such as 10.1.0.0/16."))];

    private static string Clip(string place) => CheckpointPlace.Fault(place, "CLIP checkpoint folder (or one of SigLIP 2)", "config.json and model.safetensors") is { } fault
        ? throw new WrongUseException(fault)
        : CheckpointPlace.FullName(place);

    private static Concept Concept(string text)
    {
        var (equals, at) = (text.IndexOf('=', StringComparison.Ordinal), text.LastIndexOf('@'));
        if (equals < 1)
            throw new WrongUseException($"'{text}' is not a concept such as nsfw=a nude person|an explicit photo@24.");
        double? threshold = at > equals && double.TryParse(text.AsSpan(at + 1), NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : null;
        var texts = text[(equals + 1)..(threshold is null ? text.Length : at)].Split('|', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        return new Concept(text[..equals], texts, threshold);
    }
}

/// <summary>What <c>sana curate --dry-run</c> prints in the end.</summary>
internal static class Estimate
{
    public static async Task Print(LocalHost host, CurationJob job, CurateSummary made, bool json, CancellationToken cancellationToken)
    {
        var estimate = await CurationEstimate.Of(host.Blobs, job, made, cancellationToken);
        if (json)
            Reports.WriteJson(estimate, Reports.Json.CurationEstimate);
        else
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"""
                By a sample of {estimate.Sampled} of {Counted.Of(estimate.Items, "item")}: {estimate.Usable:P1} usable, {Counted.Of(estimate.Captions, "caption")}, {Counted.Of(estimate.Tokens, "token")}, {estimate.Cost} in the currency of the prices,
                {estimate.Seconds:0} s of work in all stages together. The sample's report: {made.Report}
                """));
    }
}
