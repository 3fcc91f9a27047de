using System.Text.Json;
using System.Text.Json.Serialization;
using Google.Protobuf;
using Sana.GraphBuilder.Onnx;
using Sana.GraphBuilder.Safetensors;

namespace Sana.GraphBuilder;

/// <summary>The graphs of one checkpoint, of any kind, and what they are made of.</summary>
internal sealed record GraphSet
{
    /// <summary>Full path of the checkpoint.</summary>
    public required string Folder { get; init; }
    public required string Fingerprint { get; init; }

    /// <summary>Every file that the graphs point into.</summary>
    public required IReadOnlyList<WeightFile> Weights { get; init; }

    /// <summary>What running the checkpoint needs to know. It is written into each graph that does not say otherwise, so that the configs are read only here.</summary>
    public required IReadOnlyList<(string Key, string Value)> Metadata { get; init; }

    /// <summary>File under the folder, with forward slashes, and construction of each graph. A graph whose weights in eight bits are those of another comes after that.</summary>
    public required IReadOnlyList<PlannedGraph> Graphs { get; init; }

    /// <summary>What is added to a graph's name for the file of its weights in eight bits.</summary>
    public const string EightBitSuffix = ".data";

    public string PathOf(string file) => Path.Combine([Folder, .. file.Split('/')]);

    /// <summary>
    /// Writes the graphs, unless those of the last build, <paramref name="record"/>, are the same. They go beside the weights; where options name another folder, or
    /// the checkpoint's cannot be written, beside links to them.
    /// </summary>
    /// <param name="record">Of the last build.</param>
    /// <param name="options">Of this one.</param>
    /// <param name="again">Builds the checkpoint that the links are.</param>
    /// <exception cref="CheckpointException">The folder cannot be written.</exception>
    public BuildReport Write(BuildRecord? record, BuildOptions options, Func<string, BuildOptions, BuildReport> again)
    {
        if (options.Graphs is { } graphs)
            return again(GraphsFolder.Link(this, graphs), options with { Graphs = null });
        if (!options.Force && record is not null && record.Holds(this))
            return Report(record.Graphs, written: false);
        if (!Folder.StartsWith(GraphsFolder.Cache, StringComparison.Ordinal) && !GraphsFolder.CanWrite(this))
            return again(GraphsFolder.Link(this, GraphsFolder.Cache), options);

        var known = options.Force || record?.IsOf(this) != true ? null : record;
        GraphFile[] built = [.. Graphs.SelectMany(graph => known?.Of(this, graph) ?? Write(graph)).DistinctBy(file => file.File)];
        // Graphs of another precision stay valid beside these, if they are of the same files; after a forced build they are written again when they are needed.
        if (!options.Force && record?.IsOf(this) == true)
            built = [.. built, .. record.Graphs.Where(other => other is not null && !Array.Exists(built, graph => graph.File == other.File))];
        BuildRecord.Write(this, options, built);
        return Report(built, written: true);
    }

    private BuildReport Report(IReadOnlyList<GraphFile> graphs, bool written) =>
        new(Fingerprint, graphs, written) { Folder = Folder, Metadata = Metadata.ToDictionary(entry => entry.Key, entry => entry.Value) };

    private IEnumerable<GraphFile> Write(PlannedGraph planned)
    {
        var graph = planned.Build();
        foreach (var (key, value) in Metadata)
            graph.Metadata(key, value);

        var (path, data) = (PathOf(planned.File), PathOf(planned.Data));
        if (graph.EightBits.Any)
        {
            if (planned.WritesData)
                AtomicFile.Write(data, graph.EightBits.WriteTo);
            yield return new GraphFile(planned.Data, graph.EightBits.Length);
        }

        var bytes = graph.ToModel(LinkedFile.Location(data)).ToByteArray();
        AtomicFile.Write(path, file => file.Write(bytes));
        yield return new GraphFile(planned.File, bytes.Length);
    }
}

/// <summary>A graph that a checkpoint is to have.</summary>
/// <param name="File">Under the folder, with forward slashes.</param>
/// <param name="Build">Makes it.</param>
/// <param name="DataOf">The graph whose weights in eight bits it uses too; null for its own.</param>
internal sealed record PlannedGraph(string File, Func<Graph> Build, string? DataOf = null)
{
    public string Data => (DataOf ?? File) + GraphSet.EightBitSuffix;

    public bool WritesData => DataOf is null;
}

/// <summary>What the last build of a checkpoint was asked for and made: <c>sana.build.json</c> in its folder, written last.</summary>
internal sealed record BuildRecord(
    string Fingerprint, string? Variant, Clamp Clamp, GraphPrecision Precision, IReadOnlyList<string> Weights, IReadOnlyList<GraphFile> Graphs)
{
    public const string FileName = "sana.build.json";
    private const int MaxBytes = 1_000_000;

    /// <summary>Of the graphs that this program writes and reads. It is raised when one of them changes; those of another version are built anew.</summary>
    private const int Version = 3;

    /// <value>0 in records of earlier versions.</value>
    public int GraphVersion { get; init; }

    public bool IgnoreUnusedTensors { get; init; }

    /// <summary>Name of the checkpoint, which each graph says; null in records of earlier versions.</summary>
    public string? Name { get; init; }

    /// <summary>What a look at the checkpoint takes over from the last build.</summary>
    public static BuildOptions OptionsOf(string checkpoint) => new() { IgnoreUnusedTensors = Read(checkpoint)?.IgnoreUnusedTensors ?? false };

    /// <summary>The options of a build with what they leave open as it was in the last one.</summary>
    public static BuildOptions Complete(BuildOptions options, BuildRecord? last) => last is null || options.Force
        ? options
        : options with { Variant = options.Variant ?? last.Variant, IgnoreUnusedTensors = options.IgnoreUnusedTensors || last.IgnoreUnusedTensors };

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

    public static void Write(GraphSet set, BuildOptions options, IReadOnlyList<GraphFile> graphs)
    {
        var record = new BuildRecord(set.Fingerprint, options.Variant, options.Clamp, options.Precision, Locations(set), graphs)
        {
            GraphVersion = Version,
            IgnoreUnusedTensors = options.IgnoreUnusedTensors,
            Name = CheckpointFolder.NameOf(set.Folder),
        };
        AtomicFile.Write(set.PathOf(FileName), file => JsonSerializer.Serialize(file, record, BuildRecordJson.Default.BuildRecord));
    }

    /// <summary>Whether this build was by this version, of these files, in this place and under this name.</summary>
    public bool IsOf(GraphSet set) =>
        GraphVersion == Version && Fingerprint == set.Fingerprint && Name == CheckpointFolder.NameOf(set.Folder) && Graphs is not null && Weights is not null && Weights.SequenceEqual(Locations(set));

    /// <summary>Whether all these graphs are there, whole, and of these files in this place.</summary>
    public bool Holds(GraphSet set) => IsOf(set) && set.Graphs.All(wanted => Of(set, wanted) is not null);

    /// <summary>The files of a graph; null unless they are there and whole. It must be a build of these files.</summary>
    public GraphFile[]? Of(GraphSet set, PlannedGraph wanted) =>
        Array.FindAll([.. Graphs], graph => graph?.File == wanted.File || graph?.File == wanted.Data) is { Length: > 0 } files
        && Array.Exists(files, graph => graph.File == wanted.File)
        && Array.TrueForAll(files, graph => new FileInfo(set.PathOf(graph.File)) is { Exists: true } file && file.Length == graph.Bytes)
            ? files
            : null;

    // As the graphs name them: a file that became a link, or a link to another place, has the same fingerprint but needs another graph.
    private static string[] Locations(GraphSet set) => [.. set.Weights.Select(file => LinkedFile.Location(file.Path))];
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UseStringEnumConverter = true, WriteIndented = true)]
[JsonSerializable(typeof(BuildRecord))]
internal sealed partial class BuildRecordJson : JsonSerializerContext;

/// <summary>Writes files so that a reader always sees the whole old file or the whole new one, even if the process dies.</summary>
internal static class AtomicFile
{
    /// <exception cref="CheckpointException">The folder cannot be written or is full.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        // A name of its own for each write: two that build the same graph at once write the same bytes, and the last one leaves its file.
        var temporary = $"{path}.{Guid.NewGuid():N}.tmp";
        try
        {
            using (var file = File.Create(temporary))
            {
                write(file);
                file.Flush(flushToDisk: true);
            }

            File.Move(temporary, path, overwrite: true);
        }
        catch (CheckpointException)
        {
            TryDelete(temporary);
            throw;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentOutOfRangeException)
        {
            TryDelete(temporary);
            throw CannotWrite(path, error);
        }
    }

    /// <summary>The sentence for what cannot be written, with the fix that there is.</summary>
    public static CheckpointException CannotWrite(string path, Exception error)
    {
        const string elsewhere = "by --graphs or SANA_GRAPHS.";
        return new CheckpointException($"{path} cannot be written: " + (error switch
        {
            // EFBIG, as .NET gives it.
            ArgumentOutOfRangeException => $"files may not be so large here; raise the limit (ulimit -f), or name a folder on another disk {elsewhere}",
            // ENOSPC and EDQUOT.
            _ when (error.HResult & 0xFFFF) is 28 or 122 || error.Message.Contains("No space left", StringComparison.Ordinal) =>
                $"the disk is full; free some space, or name a folder on another disk {elsewhere}",
            _ when error is UnauthorizedAccessException || (error.HResult & 0xFFFF) is 30 => // EROFS
                $"{error.Message} Make the folder writable, or name another one for graphs {elsewhere}",
            _ => $"{error.Message} Name another folder for graphs {elsewhere}",
        }), error);
    }

    private static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // The first error is the one to report.
        }
    }
}
