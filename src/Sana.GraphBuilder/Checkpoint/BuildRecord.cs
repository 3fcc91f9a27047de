using System.Text.Json;
using System.Text.Json.Serialization;
using Sana.GraphBuilder.Safetensors;

namespace Sana.GraphBuilder.Checkpoint;

/// <summary>What the last build of a checkpoint was asked for and made: <c>sana.build.json</c> in its folder, written last.</summary>
internal sealed record BuildRecord(
    string Fingerprint, string? Variant, Clamp Clamp, GraphPrecision Precision, IReadOnlyList<string> Weights, IReadOnlyList<BuiltGraph> Graphs)
{
    private const string FileName = "sana.build.json";
    private const int MaxBytes = 1_000_000;

    /// <summary>Null when there is none or it cannot be read: then everything is built.</summary>
    public static BuildRecord? Read(string checkpoint)
    {
        try
        {
            var record = JsonSerializer.Deserialize(RegularFile.ReadAll(Path.Combine(checkpoint, FileName), MaxBytes), BuildRecordJson.Default.BuildRecord);
            return record is not null && Enum.IsDefined(record.Clamp) && Enum.IsDefined(record.Precision) ? record : null;
        }
        catch (Exception error) when (error is JsonException or CheckpointException)
        {
            return null;
        }
    }

    public static void Write(GraphSet set, BuildOptions options, IReadOnlyList<BuiltGraph> graphs)
    {
        var record = new BuildRecord(set.Fingerprint, options.Variant, options.Clamp, options.Precision, Locations(set), graphs);
        AtomicFile.Write(set.PathOf(FileName), JsonSerializer.SerializeToUtf8Bytes(record, BuildRecordJson.Default.BuildRecord));
    }

    /// <summary>What the options leave open stays as it was.</summary>
    public BuildOptions Complete(BuildOptions options) => options with
    {
        Variant = options.Variant ?? Variant,
        Clamp = options.Clamp == Clamp.Auto ? Clamp : options.Clamp,
        Precision = options.Precision == GraphPrecision.Fp32 ? Precision : options.Precision,
    };

    /// <summary>Whether all these graphs are there, whole, and of these files in this place.</summary>
    public bool Holds(GraphSet set) =>
        Fingerprint == set.Fingerprint && Weights is not null && Weights.SequenceEqual(Locations(set)) && Graphs is not null && set.Graphs.All(wanted =>
            Graphs.FirstOrDefault(g => g?.File == wanted.File) is { } graph && new FileInfo(set.PathOf(graph.File)) is { Exists: true } file && file.Length == graph.Bytes);

    // As the graphs name them: a file that became a link, or a link to another place, is the same weights for the fingerprint and not for a graph.
    private static string[] Locations(GraphSet set) => [.. set.Weights.Select(file => LinkedFile.Location(file.Path))];
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UseStringEnumConverter = true, WriteIndented = true)]
[JsonSerializable(typeof(BuildRecord))]
internal sealed partial class BuildRecordJson : JsonSerializerContext;
