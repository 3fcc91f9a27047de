using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Sana.Workflows.Curation;

/// <summary>The names of a dataset's blobs.</summary>
internal sealed record DatasetNames(string Dataset, string Version)
{
    public string Config => $"datasets/{Dataset}/{Version}/config.json";

    public string Manifest => $"datasets/{Dataset}/{Version}/manifest.json";

    public string Index(int shard) => string.Create(CultureInfo.InvariantCulture, $"datasets/{Dataset}/{Version}/index/{shard:00000}.jsonl");

    public string Items(int shard) => string.Create(CultureInfo.InvariantCulture, $"work/datasets/{Dataset}/{Version}/{shard:00000}.jsonl");
}

/// <summary><c>config.json</c>: what a dataset's version stands for.</summary>
internal sealed record DatasetConfig(string Schema, string Source, int ItemsPerShard, long Items, string ItemsSha256);

/// <summary>One line of a shard's item list.</summary>
internal sealed record SourceItem(string Name, long Bytes);

/// <summary>One line of <c>index/*.jsonl</c>: a file of the source, kept or not.</summary>
internal sealed record IndexRecord(
    string Key, string? Uid, string SourceUri, string? Sha256, long Bytes, string Status, string? Reason, string? ErrorMessage, string? Format, int? Width, int? Height);

/// <summary><c>manifest.json</c>, written last: its presence says that the dataset is complete.</summary>
internal sealed record DatasetManifest(
    string Schema,
    string Dataset,
    string Version,
    string Tool,
    string ConfigSha256,
    DatasetConfig Config,
    IReadOnlyDictionary<string, long> Status,
    IReadOnlyDictionary<string, long> Reasons,
    IReadOnlyList<IndexList> Index);

internal sealed record IndexList(string Name, string Sha256, long Bytes, int Rows);

[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(DatasetConfig))]
[JsonSerializable(typeof(SourceItem))]
[JsonSerializable(typeof(IndexRecord))]
[JsonSerializable(typeof(DatasetManifest))]
internal sealed partial class CurateJson : JsonSerializerContext
{
    public static CurateJson Readable { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}
