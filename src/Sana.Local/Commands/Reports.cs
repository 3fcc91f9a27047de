using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Sana.GraphBuilder;

namespace Sana.Local.Commands;

// What --json prints: one object on one line.

/// <summary>Of any command that did not do what it was asked.</summary>
internal sealed record ErrorReport(string Error, int ExitCode);

/// <summary>Of <c>sana generate</c>.</summary>
internal sealed record GenerateReport(
    string RunId, string Place, string Manifest, string Status, long Made, long Skipped, long Failed, long Rejected, IReadOnlyDictionary<string, long> Reasons, double Seconds);

/// <summary>Of <c>sana info</c>.</summary>
internal sealed record InfoReport(CheckpointSummary Checkpoint, MemoryReport Memory);

/// <summary>Estimated memory for one image of this size.</summary>
internal sealed record MemoryReport(int Width, int Height, long PeakBytes, IReadOnlyList<StageMemory> Stages);

[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(ErrorReport))]
[JsonSerializable(typeof(GenerateReport))]
[JsonSerializable(typeof(InfoReport))]
[JsonSerializable(typeof(BuildReport))]
internal sealed partial class Reports : JsonSerializerContext
{
    public static Reports Json { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });

    public static void WriteJson<T>(T report, JsonTypeInfo<T> type) => Console.Out.WriteLine(JsonSerializer.Serialize(report, type));
}
