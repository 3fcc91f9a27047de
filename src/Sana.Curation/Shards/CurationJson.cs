using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Sana.Curation.Sources;

namespace Sana.Curation.Shards;

/// <summary>How records become lines: snake_case, what is null left out, letters as they are.</summary>
[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(SourceItem))]
[JsonSerializable(typeof(IndexRow))]
[JsonSerializable(typeof(Candidate))]
[JsonSerializable(typeof(ShardStats))]
public sealed partial class CurationJson : JsonSerializerContext
{
    /// <summary>The one instance to use.</summary>
    public static CurationJson Lines { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}
