using System.CommandLine;
using System.Globalization;
using System.Net;
using Sana.Curation.Captioning.Config;
using Sana.Curation.Ingest;
using Sana.Curation.Selection;
using Sana.Curation.Sources;
using Sana.Inference.Imaging;
using Sana.Jobs.Curation;

namespace Sana.Local.Commands;

/// <summary>How a dataset is made: the options of <c>sana curate</c> beside its source.</summary>
internal sealed class CurateArguments
{
    private readonly Option<string?> _captioners = new("--captioners") { Description = "File of captioners (captioners.json): endpoints, models, prompts, limits, prices. Default: only captions that come with the images.", HelpName = "file" };
    private readonly Option<string?> _clip = new("--clip") { Description = "Folder of a CLIP checkpoint in Hugging Face layout. Default: captions are not scored.", HelpName = "folder" };
    private readonly SelectionArguments _selection = new();
    private readonly Option<string?> _filters = new("--filters") { Description = "none, or datacomp-basic: sides of 200 px, at most 3 to 1, captions of 3 words. Default: none." };
    private readonly Option<int?> _distance = CommonOptions.Number("--similar", "Bits in which perceptual hashes of images that count as one may differ, 0…11; -1 takes equal bytes only. Default: 3.", -1, 11);
    private readonly Option<string?> _format = new("--format") { Description = "jpeg (quality 95, no chroma subsampling) or png: the form of all images of the dataset. Default: jpeg." };
    private readonly Option<int?> _items = CommonOptions.Number("--items", "Files of one shard, 1…10000. Default: 1000.", 1, 10_000);
    private readonly Option<int?> _sample = CommonOptions.Number("--sample", "Only so many items, spread evenly over the source, 1 or more. Default: all.", 1, int.MaxValue);
    private readonly Option<string[]> _concepts = new("--concept")
    {
        Description = "name=text|text[@threshold]: scores each image against texts by CLIP; from the threshold on it is left out as unsafe. May be given many times.",
        HelpName = "concept",
    };

    private readonly Option<decimal?> _budget = CommonOptions.Number("--budget", "What captions may cost, in the currency of their prices; then captioning stops and the rest goes on. Default: no limit.", 0m, 1_000_000_000m);
    private readonly Option<long?> _budgetTokens = CommonOptions.Number("--budget-tokens", "Tokens that captions may take, in and out. Default: no limit.", 0L, long.MaxValue);
    private readonly Option<double?> _maxFailures = CommonOptions.Number("--max-failures", "Share of a shard's items that may fail before the rest is left unread, 0…1. Default: 1, never.", 0.0, 1.0);
    private readonly Option<string?> _encoding = new("--fallback-encoding") { Description = "Encoding of captions that are not UTF-8, such as windows-1252 or shift_jis. Default: they are left out, and noted." };
    private readonly Option<string[]> _networks = new("--allow-network") { Description = "A network that URLs of a manifest may lead to although it is not public, such as 10.1.0.0/16. May be given many times.", HelpName = "cidr" };

    public CurateArguments()
    {
        _filters.AcceptOnlyFromAmong("none", "datacomp-basic");
        _format.AcceptOnlyFromAmong("jpeg", "png");
    }

    public IEnumerable<Option> All =>
    [
        _captioners, _clip, .. _selection.All, _filters, _distance, _format, _items, _sample, _concepts, _budget, _budgetTokens, _maxFailures, _encoding, _networks,
    ];

    /// <exception cref="WrongUseException">A file cannot be read or a value cannot be used.</exception>
    public CurationSettings Settings(ParseResult parsed) => WrongUseException.Unless(() =>
    {
        var settings = new CurationSettings
        {
            Captioners = parsed.GetValue(_captioners) is { } file ? CaptionerFile.Read(file) : null,
            Clip = parsed.GetValue(_clip) is { } clip ? Folder(clip) : null,
            Selection = _selection.Read(parsed, new SelectionOptions()),
            Filters = FilterRules.Preset(parsed.GetValue(_filters) ?? "none"),
            Duplicates = new DuplicateOptions { MaxDistance = parsed.GetValue(_distance) switch { null => new DuplicateOptions().MaxDistance, < 0 => null, var bits => bits } },
            Ingest = new IngestOptions { Output = parsed.GetValue(_format) == "png" ? ImageFormat.Png : ImageFormat.Jpeg },
            ItemsPerShard = parsed.GetValue(_items) ?? 1000,
            Sample = parsed.GetValue(_sample),
            Concepts = [.. (parsed.GetValue(_concepts) ?? []).Select(Concept)],
            Budget = new Budget(parsed.GetValue(_budget), parsed.GetValue(_budgetTokens)),
            MaxFailures = parsed.GetValue(_maxFailures) ?? 1,
            Reading = new SourceOptions { FallbackEncoding = parsed.GetValue(_encoding) },
        };
        settings.Check();
        return settings;
    });

    /// <exception cref="WrongUseException">A network cannot be read.</exception>
    public IReadOnlyList<IPNetwork> Networks(ParseResult parsed) => [.. (parsed.GetValue(_networks) ?? []).Select(text =>
        IPNetwork.TryParse(text, out var network) ? network : throw new WrongUseException($"'{text}' is not a network such as 10.1.0.0/16."))];

    private static string Folder(string folder) => Directory.Exists(folder)
        ? Path.GetFullPath(folder)
        : throw new WrongUseException($"There is no CLIP checkpoint folder '{folder}'; give the folder that holds config.json and model.safetensors.");

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
