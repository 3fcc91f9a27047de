using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Sana.Curation;
using Sana.Curation.Captioning;
using Sana.Curation.Ingest;
using Sana.Curation.Selection;
using Sana.Curation.Shards;
using Sana.Curation.Sources;

namespace Sana.Jobs.Curation;

/// <summary>One line of a shard's captions: what one captioner said of one image.</summary>
internal sealed record CaptionLine(int Row, Candidate Candidate);

/// <summary>One line of a shard's scores: what CLIP says of one image and its captions.</summary>
internal sealed record ScoreLine(int Row, IReadOnlyList<TextScore> Texts, IReadOnlyList<ConceptScore> Concepts);

/// <summary>The score of one text.</summary>
internal sealed record TextScore(string Text, double Score, double WindowScore, int Tokens, bool Truncated);

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
    SelectionOptions Selection);

/// <summary>The CLIP checkpoint behind scores.</summary>
internal sealed record ScorerCard(string Name, string Fingerprint);

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
internal sealed partial class CurateJson : JsonSerializerContext
{
    public static CurateJson Readable { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}
