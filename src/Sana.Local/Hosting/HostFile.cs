using System.Text.Json;
using System.Text.Json.Serialization;
using Sana.Jobs.Networks;

namespace Sana.Local.Hosting;

/// <summary><c>host.json</c> in a data folder: what it was last opened with, so that <c>sana resume</c> needs no more than the folder. Of a place with a key in it only that is kept: the next command must give it again.</summary>
internal sealed record HostFile(string? Blobs, string? Checkpoint, string Device, string Queue, string? Journal = null)
{
    /// <value>What the networks compute in; null in files of earlier versions.</value>
    public string? Precision { get; init; }

    /// <value>Folder for graphs; null for beside the weights.</value>
    public string? Graphs { get; init; }

    /// <value>Folder or repository of another decoder; null for the checkpoint's own.</value>
    public string? Decoder { get; init; }

    /// <value>File of the judges of images, or none; null where no command has said it.</value>
    public string? Judges { get; init; }

    /// <value>What becomes of an image outside a limit; null where no command has said it.</value>
    public string? OutsideLimits { get; init; }

    private const string Withheld = "(holds a key, give it again)";

    private static readonly string[] _secrets = ["AccountKey=", "SharedAccessSignature=", "sig="];

    /// <summary>The options with what they leave open taken from the folder; writes what is open no longer.</summary>
    public static LocalOptions Complete(LocalOptions options, bool hasDevice, bool hasPrecision, bool hasQueue, bool hasJournal)
    {
        var data = options.Data!;
        var path = Path.Combine(data, "host.json");
        var known = Read(path);
        var complete = options with
        {
            Blobs = options.Blobs ?? Kept(known?.Blobs, "--out", data),
            Checkpoint = options.Checkpoint ?? known?.Checkpoint,
            Decoder = options.Decoder ?? known?.Decoder,
            Graphs = options.Graphs ?? known?.Graphs,
            Judges = options.Judges ?? (ServerFile.Read(data).Judges is null ? known?.Judges : null),
            OutsideLimits = options.OutsideLimits ?? (ServerFile.Read(data).OutsideLimits is null ? known?.OutsideLimits : null),
            Device = hasDevice ? options.Device : known?.Device ?? options.Device,
            Precision = hasPrecision ? options.Precision : ServerFile.Read(data).Precision ?? known?.Precision ?? options.Precision,
            Queue = hasQueue ? options.Queue : Kept(known?.Queue, "--queue", data) ?? options.Queue,
            Journal = hasJournal ? options.Journal : Kept(known?.Journal, "--journal", data) ?? options.Journal,
        };
        var file = new HostFile(
            Absolute(complete.Blobs), complete.Checkpoint is null ? null : CheckpointPlace.FullName(complete.Checkpoint), complete.Device, IsSecret(complete.Queue) ? Withheld : complete.Queue,
            IsSecret(complete.Journal) ? Withheld : complete.Journal)
        { Decoder = complete.Decoder is null ? null : CheckpointPlace.FullName(complete.Decoder), Graphs = complete.Graphs is null ? null : Path.GetFullPath(complete.Graphs), Precision = complete.Precision, Judges = complete.Judges is null or LocalOptions.NoJudges ? complete.Judges : Path.GetFullPath(complete.Judges), OutsideLimits = complete.OutsideLimits };
        if (file != known)
            Write(path, file);
        return complete;
    }

    /// <summary>Where the outputs of a data folder go.</summary>
    /// <exception cref="SanaException">The place holds a key, so it was not kept.</exception>
    public static string Place(string data) => Kept(Read(Path.Combine(data, "host.json"))?.Blobs, "--out", data) ?? Path.Combine(data, "blobs");

    /// <summary>The place of a data folder's journal.</summary>
    /// <exception cref="SanaException">The place holds a key, so it was not kept.</exception>
    public static string JournalOf(string data) => Kept(Read(Path.Combine(data, "host.json"))?.Journal, "--journal", data) ?? "sqlite";

    private static string? Kept(string? place, string option, string data) => place == Withheld
        ? throw new SanaException($"{data} was last opened with a {option} that holds a key, and keys are not kept: give {option} again.")
        : place;

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

    /// <summary>Whole or not at all: on a full disk what was known stays.</summary>
    private static void Write(string path, HostFile file)
    {
        var temporary = $"{path}.{Guid.NewGuid():N}.tmp";
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(temporary, JsonSerializer.Serialize(file, HostJson.Default.HostFile));
            File.Move(temporary, path, overwrite: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new SanaException($"{path} cannot be written: {error.Message} Make room and give the program the right to write there, or use another folder.", error);
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    private static string? Absolute(string? place) => place switch
    {
        null => null,
        _ when IsSecret(place) => Withheld,
        _ when place.Contains('=', StringComparison.Ordinal) || place.Contains("://", StringComparison.Ordinal) || place.StartsWith("azurite", StringComparison.Ordinal) => place,
        _ => Path.GetFullPath(place),
    };

    private static bool IsSecret(string text) => _secrets.Any(secret => text.Contains(secret, StringComparison.OrdinalIgnoreCase));
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true)]
[JsonSerializable(typeof(HostFile))]
[JsonSerializable(typeof(IReadOnlyList<string>))]
internal sealed partial class HostJson : JsonSerializerContext;
