using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Sana.Curation;
using Sana.Curation.Captioning;
using Sana.Curation.Captioning.Config;
using Sana.Curation.Ingest;
using Sana.Curation.Selection;
using Sana.Curation.Shards;
using Sana.Curation.Sources;
using Sana.Inference.Clip;
using Sana.Inference.Diffusion;

namespace Sana.Jobs.Curation;

/// <summary>A curation run as it was asked for.</summary>
/// <param name="Source">A folder or file of this machine or a place of blobs, as on the command line; never one with a key in it.</param>
/// <param name="Dataset">The dataset's name, a-z, 0-9, hyphens and dots, 1…64 characters.</param>
/// <param name="Version">The dataset's version, likewise.</param>
/// <param name="Since">The finished version that this one adds to: what it and those before it hold is left out. Null for none.</param>
/// <param name="Settings">Everything else.</param>
public sealed record CurationJob(string Source, string Dataset, string Version, string? Since, CurationSettings Settings);

/// <summary>How images are read, captioned, scored, chosen and written.</summary>
public sealed record CurationSettings
{
    /// <value>Items of one shard, 1…10,000. Default 1,000.</value>
    public int ItemsPerShard { get; init; } = 1000;

    /// <value>Only so many items, spread evenly over the source, 1 or more. Default all.</value>
    public int? Sample { get; init; }

    /// <value>How the source is read.</value>
    public SourceOptions Reading { get; init; } = new();

    /// <value>Limits and form of images.</value>
    public IngestOptions Ingest { get; init; } = new();

    /// <value>Rules for images and captions. Default none.</value>
    public FilterRules Filters { get; init; } = FilterRules.None;

    /// <value>Which images count as the same.</value>
    public DuplicateOptions Duplicates { get; init; } = new();

    /// <value>Text of a <c>captioners.json</c>: who captions, and who judges images. Null for nobody: the originals are scored and written.</value>
    public string? Captioners { get; init; }

    /// <value>Folder of a checkpoint of CLIP or SigLIP 2, or a repository of the Hub; null leaves captions without scores.</value>
    public string? Clip { get; init; }

    /// <value>Further checkpoints of CLIP or SigLIP 2, whose scores stand beside those of <see cref="Clip"/>; null for none.</value>
    public IReadOnlyList<string>? OtherScorers { get; init; }

    /// <value>What the layers of the scorers compute in: <c>w8a8</c>; null for float32. Vectors that an aesthetic judge reads of the run's CLIP are computed in it too.</value>
    public string? ScorerPrecision { get; init; }

    /// <value>What every image is compared with, such as nudity or watermarks. Default nothing.</value>
    public IReadOnlyList<Concept> Concepts { get; init; } = [];

    /// <value>Which caption is chosen.</value>
    public SelectionOptions Selection { get; init; } = new();

    /// <value>What captions may cost.</value>
    public Budget Budget { get; init; } = new();

    /// <value>Share of a shard's items, 0…1, that may fail before the rest of it is left unread, looked at after every 64 items. Default 1: it never stops.</value>
    public double MaxFailures { get; init; } = 1;

    /// <value>Whether images of earlier versions are taken again where the captions of the source have changed since; null or false leaves them out and
    /// says how many there are. Default null.</value>
    public bool? EditedCaptions { get; init; }

    /// <value>Whether normalised images stay in the cache when the version is published. Default null: only where a retry may cure something.</value>
    public bool? KeepImages { get; init; }

    /// <summary>What <see cref="ScorerPrecision"/> is, as a value.</summary>
    internal Precision ScorersIn => ScorerPrecision is null ? Precision.Float32 : PrecisionName.Parse(ScorerPrecision);

    /// <summary>The captioners, in the order of their file.</summary>
    /// <exception cref="Sana.Curation.CurationException">The text is no such file.</exception>
    public IReadOnlyList<CaptionerConfig> ReadCaptioners() => Captioners is null ? [] : CaptionerFile.Parse(Captioners).Captioners;

    /// <summary>The judges of images, in the order of their file.</summary>
    /// <exception cref="Sana.Curation.CurationException">The text is no such file.</exception>
    public IReadOnlyList<JudgeConfig> ReadJudges() => Captioners is null ? [] : CaptionerFile.Parse(Captioners).Judges;

    /// <summary>Refuses what cannot be run.</summary>
    /// <exception cref="SanaException">A value is out of its range.</exception>
    /// <exception cref="Sana.Curation.CurationException">So is one of a part.</exception>
    public void Check()
    {
        Reading.Check();
        Ingest.Check();
        Filters.Check();
        Duplicates.Check();
        Selection.Check();
        foreach (var captioner in ReadCaptioners())
            CaptionLabel.Check(captioner.Label);
        if (ItemsPerShard is < 1 or > 10_000)
            throw new SanaException($"A shard of {ItemsPerShard} items is outside 1…10,000; use 1000.");
        if (Sample < 1)
            throw new SanaException($"A sample of {Sample} items is no sample; use 100.");
        if (MaxFailures is not (>= 0 and <= 1))
            throw new SanaException($"A share of {MaxFailures} failures is outside 0…1; use 0.5.");
        if (Concepts.Count > 0 && Clip is null)
            throw new SanaException("Concepts are scored like captions; give a checkpoint of CLIP or SigLIP 2 (--scorer).");
        if (OtherScorers is { Count: > 0 } && Clip is null)
            throw new SanaException("Further scorers stand beside a first one; give that (clip, or --scorer).");
        if (ScorerPrecision is not null && Clip is null)
            throw new SanaException($"Precision {ScorerPrecision} is that of scorers, and the run has none; give one (clip, or --scorer), or leave the precision away.");
        if (ScorerPrecision is not null && ScorersIn != Precision.W8A8)
            throw new SanaException($"Scorers have no graphs in precision {ScorerPrecision}; use {PrecisionName.OfCuration[0]} or {PrecisionName.OfCuration[1]}.");
        foreach (var concept in Concepts)
            concept.Check();
        if (ReadJudges().FirstOrDefault(judge => judge.Kind == JudgeKind.Clip) is { } scorer)
            throw new SanaException($"The judge '{scorer.Label}' compares generated images with their prompts; in a dataset captions are scored by --scorer. Take it out of the file of this run.");
        if (ReadJudges().FirstOrDefault(judge => judge.Kind == JudgeKind.Prompt) is { } reader)
            throw new SanaException($"The judge '{reader.Label}' reads prompts of images that are generated; take it out of the file of this run.");
        if (Clip is null && ReadJudges().FirstOrDefault(judge => judge is { Kind: JudgeKind.Aesthetic, Clip: null }) is { } blind)
            throw new SanaException($"The judge '{blind.Label}' reads vectors of CLIP, and the run has none; give its \"clip\", or a checkpoint of CLIP for the run (--scorer).");
    }
}

/// <summary>A concept that images are compared with by the scorer.</summary>
/// <param name="Name">a-z, 0-9 and underscores, such as <c>nsfw</c> or <c>watermark</c>.</param>
/// <param name="Texts">1…64 texts; the nearest one counts.</param>
/// <param name="Threshold">Score (100 × cosine, on the scorer's scale) from which an image is left out as <c>unsafe</c>; null only records it.</param>
public sealed record Concept(string Name, IReadOnlyList<string> Texts, double? Threshold = null)
{
    internal void Check()
    {
        if (Name.Length is 0 or > 64 || !Name.All(letter => char.IsAsciiLetterLower(letter) || char.IsAsciiDigit(letter) || letter == '_'))
            throw new SanaException($"The concept's name '{Name}' takes a-z, 0-9 and underscores, 1…64 characters.");
        if (Texts.Count is < 1 or > 64)
            throw new SanaException($"The concept '{Name}' has {Texts.Count} texts; give 1…64.");
    }
}

/// <summary>One line of a shard's captions: what one captioner said of one image.</summary>
internal sealed record CaptionLine(int Row, Candidate Candidate);

/// <summary>One line of a shard's scores: what the scorer says of one image and its captions, and what judges say of the image.</summary>
internal sealed record ScoreLine(int Row, IReadOnlyList<TextScore> Texts, IReadOnlyList<ConceptScore> Concepts, IReadOnlyList<JudgeScore>? Judges = null);

/// <summary>The score of one text.</summary>
internal sealed record TextScore(string Text, double Score, double WindowScore, int Tokens, bool Truncated, IReadOnlyList<ScorerScore>? Others = null);

/// <summary>Seconds of one stage of one shard, apart from what must be the same each time.</summary>
internal sealed record StageTiming(DateTimeOffset Started, double Seconds, long Items, long Asked);

/// <summary><c>config.json</c>: what a dataset's version stands for. The same version made from other files or in another way is refused. What says nothing of the result, such as endpoints, concurrency, budgets and the share of failures, is not in it.</summary>
internal sealed record DatasetConfig(
    string Schema,
    string Source,
    string? Since,
    int ItemsPerShard,
    int? Sample,
    long Items,
    string ItemsSha256,
    SourceOptions Reading,
    IngestOptions Ingest,
    FilterRules Filters,
    DuplicateOptions Duplicates,
    IReadOnlyList<CaptionerCard> Captioners,
    ScorerCard? Scorer,
    IReadOnlyList<Concept> Concepts,
    SelectionOptions Selection,
    bool? EditedCaptions = null,
    IReadOnlyList<JudgeCard>? Judges = null,
    IReadOnlyList<ScorerCard>? OtherScorers = null);

/// <summary>The checkpoint behind scores.</summary>
/// <param name="Name">As in the column's name.</param>
/// <param name="Fingerprint">Of configs, tokenizer and weights.</param>
/// <param name="Family">siglip; null for CLIP, as in datasets of earlier versions of the program.</param>
/// <param name="Precision">w8a8; null for float32.</param>
internal sealed record ScorerCard(string Name, string Fingerprint, string? Family = null, string? Precision = null)
{
    public static ScorerCard Of(ClipScorer scorer) => new(
        scorer.Name, scorer.Fingerprint, scorer.Family == ScorerFamily.Siglip ? "siglip" : null, scorer.Precision == Inference.Diffusion.Precision.Float32 ? null : scorer.Precision.Word());

    /// <summary>The family as a value.</summary>
    [JsonIgnore]
    public ScorerFamily Kind => Family == "siglip" ? ScorerFamily.Siglip : ScorerFamily.Clip;
}

/// <summary><c>manifest.json</c>, written last: its presence says that the dataset is complete.</summary>
internal sealed record DatasetManifest(
    string Schema,
    string Dataset,
    string Version,
    string Tool,
    string ConfigSha256,
    DatasetConfig Config,
    string? ParentManifestSha256,
    IReadOnlyDictionary<string, long> Statuses,
    IReadOnlyDictionary<string, long> Reasons,
    Usage Spent,
    HashChain Chain,
    IReadOnlyList<ShardStats> Shards,
    IReadOnlyList<ShardFile> Files);

[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata, UseStringEnumConverter = true)]
[JsonSerializable(typeof(CaptionLine))]
[JsonSerializable(typeof(ScoreLine))]
[JsonSerializable(typeof(StageTiming))]
[JsonSerializable(typeof(Usage))]
[JsonSerializable(typeof(DatasetConfig))]
[JsonSerializable(typeof(DatasetManifest))]
[JsonSerializable(typeof(CurationJob))]
[JsonSerializable(typeof(SelectionSummary))]
[JsonSerializable(typeof(IngestOptions))]
[JsonSerializable(typeof(SourceFacts))]
internal sealed partial class CurateJson : JsonSerializerContext
{
    public static CurateJson Readable { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}
