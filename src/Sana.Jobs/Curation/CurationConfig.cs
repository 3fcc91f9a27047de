using System.Net;
using System.Text.Json;
using Sana.Curation.Captioning.Config;
using Sana.Curation.Ingest;
using Sana.Curation.Selection;
using Sana.Inference.Diffusion;
using Sana.Jobs.Networks;
using Sana.Storage.Net;

namespace Sana.Jobs.Curation;

/// <summary>How datasets that are asked for by HTTP or by the clock are made: <c>curation</c> in <c>sana.json</c>, or the blob <c>config/curation.json</c> of an app.</summary>
public sealed record CurationConfig
{
    /// <summary>The blob of an app.</summary>
    public const string Blob = "config/curation.json";

    private static readonly JsonSerializerOptions _json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        UnmappedMemberHandling = System.Text.Json.Serialization.JsonUnmappedMemberHandling.Disallow,
        ReadCommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
    };

    /// <value>Path of a <c>captioners.json</c>, or its content. Default nobody captions.</value>
    public JsonElement? Captioners { get; init; }

    /// <value>Folder of a checkpoint of CLIP or SigLIP 2, or a repository of the Hub. Default no scores.</value>
    public string? Clip { get; init; }

    /// <value>Further checkpoints of CLIP or SigLIP 2, whose scores are recorded beside. Default none.</value>
    public IReadOnlyList<string> OtherScorers { get; init; } = [];

    /// <value>What the layers of the scorers compute in: float32 or w8a8. Default float32.</value>
    public string? ScorerPrecision { get; init; }

    /// <value>none or datacomp-basic. Default none.</value>
    public string Filters { get; init; } = "none";

    /// <value>power, softmax, max, top-k or proportion. Default power.</value>
    public string Rule { get; init; } = "power";

    /// <value>Temperature of the rule. Default 0.1.</value>
    public double Tau { get; init; } = 0.1;

    /// <value>Score from which a caption takes part in the draw. Default that of the scorer: 25 for CLIP, 10 for SigLIP.</value>
    public double? Threshold { get; init; }

    /// <value>What the captions of one dataset may cost. Default no limit.</value>
    public decimal? Budget { get; init; }

    /// <value>Whether normalised images stay in the cache when a version is published. Default false.</value>
    public bool KeepImages { get; init; }

    /// <value>Networks that downloads may reach although they are not public, such as <c>10.1.0.0/16</c>. Default none.</value>
    public IReadOnlyList<string> Networks { get; init; } = [];

    /// <summary>Reads the configuration of an app.</summary>
    /// <exception cref="SanaException">The text is no such configuration.</exception>
    public static CurationConfig Parse(byte[] json)
    {
        try
        {
            return JsonSerializer.Deserialize<CurationConfig>(json, _json) ?? new CurationConfig();
        }
        catch (JsonException error)
        {
            throw new SanaException($"{Blob} cannot be used: {error.Path ?? "it"} is unknown or of another type (line {error.LineNumber + 1}).", error);
        }
    }

    /// <summary>The networks, read.</summary>
    /// <exception cref="SanaException">One is none.</exception>
    public IReadOnlyList<IPNetwork> DownloadNetworks() => [.. Networks.Select(text => UrlRules.TryNetwork(text, out var network)
        ? network
        : throw new SanaException($"'{text}' in curation.networks is not a network such as 10.1.0.0/16."))];

    /// <summary>The same with relative paths of captioners and the scorer taken from a folder, unless they lead to something from where the program runs.</summary>
    public CurationConfig Under(string folder) => this with
    {
        Clip = Clip is { } clip ? Under(folder, clip) : null,
        OtherScorers = [.. OtherScorers.Select(place => Under(folder, place))],
        Captioners = Captioners is { ValueKind: JsonValueKind.String } path && !Path.Exists(path.GetString()) ? JsonSerializer.SerializeToElement(Path.Combine(folder, path.GetString()!)) : Captioners,
    };

    private static string Under(string folder, string place) =>
        !Path.Exists(place) && (Path.Exists(Path.Combine(folder, place)) || !CheckpointPlace.IsRepository(place)) ? Path.Combine(folder, place) : place;

    /// <summary>The settings of a run, checked.</summary>
    /// <exception cref="SanaException">A value cannot be used.</exception>
    /// <exception cref="Sana.Curation.CurationException">So is one of a part.</exception>
    public CurationSettings Settings()
    {
        var settings = new CurationSettings
        {
            Captioners = CaptionersText(),
            Clip = Clip is null ? null : CheckpointPlace.FullName(Clip),
            OtherScorers = OtherScorers.Count == 0 ? null : [.. OtherScorers.Select(CheckpointPlace.FullName)],
            ScorerPrecision = ScorerPrecision == PrecisionName.OfCuration[0] ? null : ScorerPrecision,
            Filters = FilterRules.Preset(Filters),
            Selection = new SelectionOptions { Rule = SelectionRules.Parse(Rule), Tau = Tau, Threshold = Threshold },
            Budget = new Budget(Budget),
            KeepImages = KeepImages ? true : null,
        };
        settings.Check();
        return settings;
    }

    private string? CaptionersText() => Captioners switch
    {
        null or { ValueKind: JsonValueKind.Null or JsonValueKind.Undefined } => null,
        { ValueKind: JsonValueKind.Object } inline => inline.GetRawText(),
        { ValueKind: JsonValueKind.String } path => CaptionerFile.Read(path.GetString()!),
        _ => throw new SanaException("curation.captioners takes the path of a captioners.json, or its content."),
    };
}
