using System.Text.Json;
using System.Text.Json.Serialization;

namespace Sana.GraphBuilder.Checkpoint;

/// <summary>What the last build of a checkpoint was asked for and made: <c>sana.build.json</c> beside <c>model_index.json</c>, written last.</summary>
internal sealed record BuildRecord(string Fingerprint, string? Variant, Clamp Clamp, GraphPrecision Precision, IReadOnlyList<BuiltGraph> Graphs)
{
    private const string FileName = "sana.build.json";

    /// <summary>Null when there is none or it cannot be read: then everything is built.</summary>
    public static BuildRecord? Read(string checkpoint)
    {
        try
        {
            var file = Path.Combine(checkpoint, FileName);
            return File.Exists(file) ? JsonSerializer.Deserialize(File.ReadAllBytes(file), BuildRecordJson.Default.BuildRecord) : null;
        }
        catch (Exception error) when (error is JsonException or IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    public static void Write(CheckpointFiles files, BuildOptions options, IReadOnlyList<BuiltGraph> graphs)
    {
        var record = new BuildRecord(files.Fingerprint, options.Variant, options.Clamp, options.Precision, graphs);
        AtomicFile.Write(files.PathOf(FileName), JsonSerializer.SerializeToUtf8Bytes(record, BuildRecordJson.Default.BuildRecord));
    }

    /// <summary>What the options leave open stays as it was.</summary>
    public BuildOptions Complete(BuildOptions options) => options with
    {
        Variant = options.Variant ?? Variant,
        Clamp = options.Clamp == Clamp.Auto ? Clamp : options.Clamp,
        Precision = options.Precision == GraphPrecision.Fp32 ? Precision : options.Precision,
    };

    /// <summary>Whether all these graphs are there, whole, and of these files.</summary>
    public bool Holds(CheckpointFiles files, IEnumerable<string> graphs) =>
        Fingerprint == files.Fingerprint && Graphs is not null && graphs.All(name =>
            Graphs.FirstOrDefault(g => g.File == name) is { } graph && new FileInfo(files.PathOf(name)) is { Exists: true } file && file.Length == graph.Bytes);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UseStringEnumConverter = true, WriteIndented = true)]
[JsonSerializable(typeof(BuildRecord))]
internal sealed partial class BuildRecordJson : JsonSerializerContext;
