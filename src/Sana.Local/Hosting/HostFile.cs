using System.Text.Json;
using System.Text.Json.Serialization;

namespace Sana.Local.Hosting;

/// <summary><c>host.json</c> in a data folder: what it was last opened with, so that <c>sana resume</c> needs no more than the folder. Texts with a key in them are not kept.</summary>
internal sealed record HostFile(string? Blobs, string? Checkpoint, string Device, string Queue, string? Journal = null)
{
    private static readonly string[] _secrets = ["AccountKey=", "SharedAccessSignature=", "sig="];

    /// <summary>The options with what they leave open taken from the folder; writes what is open no longer.</summary>
    public static LocalOptions Complete(LocalOptions options, bool hasDevice, bool hasQueue, bool hasJournal)
    {
        var path = Path.Combine(options.Data, "host.json");
        var known = Read(path);
        var complete = options with
        {
            Blobs = options.Blobs ?? known?.Blobs,
            Checkpoint = options.Checkpoint ?? known?.Checkpoint,
            Device = hasDevice ? options.Device : known?.Device ?? options.Device,
            Queue = hasQueue ? options.Queue : known?.Queue ?? options.Queue,
            Journal = hasJournal ? options.Journal : known?.Journal ?? options.Journal,
        };
        var file = new HostFile(
            Absolute(complete.Blobs), complete.Checkpoint is null ? null : Path.GetFullPath(complete.Checkpoint), complete.Device, IsSecret(complete.Queue) ? "sqlite" : complete.Queue,
            IsSecret(complete.Journal) ? null : complete.Journal);
        Directory.CreateDirectory(options.Data);
        File.WriteAllText(path, JsonSerializer.Serialize(file, HostJson.Default.HostFile));
        return complete;
    }

    /// <summary>Where the outputs of a data folder go.</summary>
    public static string Place(string data) => Read(Path.Combine(data, "host.json"))?.Blobs ?? Path.Combine(data, "blobs");

    private static HostFile? Read(string path)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllText(path), HostJson.Default.HostFile);
        }
        catch (Exception error) when (error is JsonException or IOException)
        {
            return null;
        }
    }

    private static string? Absolute(string? place) => place switch
    {
        null => null,
        _ when IsSecret(place) => null,
        _ when place.Contains('=', StringComparison.Ordinal) || place.Contains("://", StringComparison.Ordinal) || place.StartsWith("azurite", StringComparison.Ordinal) => place,
        _ => Path.GetFullPath(place),
    };

    private static bool IsSecret(string text) => _secrets.Any(secret => text.Contains(secret, StringComparison.OrdinalIgnoreCase));
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true)]
[JsonSerializable(typeof(HostFile))]
[JsonSerializable(typeof(Order))]
[JsonSerializable(typeof(OrderAnswer))]
internal sealed partial class HostJson : JsonSerializerContext;
