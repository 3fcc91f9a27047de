using System.Buffers.Binary;
using System.Text.Json.Nodes;
using Sana.GraphBuilder;
using Sana.Inference.Clip;

namespace Sana.Tests.Support;

/// <summary>A copy of a fixture's checkpoint that a test may change.</summary>
/// <remarks>Somebody may have run the program on the fixture itself: graphs are left out.</remarks>
internal class CheckpointCopy : IDisposable
{
    private readonly TempFolder _folder = new();

    /// <param name="source">Folder of the fixture.</param>
    /// <param name="name">Of the copy.</param>
    public CheckpointCopy(string source, string name)
    {
        Folder = Directory.CreateDirectory(_folder.File(name)).FullName;
        foreach (var file in Directory.EnumerateFiles(source).Where(file => Path.GetExtension(file) != ".onnx" && Path.GetFileName(file) != "sana.build.json"))
            File.WriteAllBytes(PathOf(Path.GetFileName(file)), File.ReadAllBytes(file)); // not copied: a fixture may be read-only
    }

    public string Folder { get; }

    public string PathOf(string file) => Path.Combine(Folder, file);

    /// <summary>Changes a JSON file.</summary>
    public void Edit(string file, Action<JsonObject> edit)
    {
        var json = JsonNode.Parse(File.ReadAllText(PathOf(file)))!.AsObject();
        edit(json);
        File.WriteAllText(PathOf(file), json.ToJsonString());
    }

    /// <summary>Writes the weights anew; each tensor becomes what the test makes of it, or goes where that is null.</summary>
    public void EditWeights(Func<StoredTensor, StoredTensor?> edit)
    {
        var file = File.ReadAllBytes(PathOf("model.safetensors"));
        var data = 8 + (int)BinaryPrimitives.ReadInt64LittleEndian(file);
        var (header, bytes) = (new JsonObject(), new MemoryStream());
        foreach (var (name, entry) in JsonNode.Parse(file.AsSpan(8, data - 8))!.AsObject().Where(member => member.Key != "__metadata__"))
        {
            var (start, end) = ((int)entry!["data_offsets"]![0]!, (int)entry["data_offsets"]![1]!);
            var shape = entry["shape"]!.AsArray().Select(size => (long)size!).ToArray();
            if (edit(new StoredTensor(name, (string)entry["dtype"]!, shape, file[(data + start)..(data + end)])) is not { } tensor)
                continue;
            header[tensor.Name] = new JsonObject
            {
                ["dtype"] = tensor.Type,
                ["shape"] = new JsonArray([.. tensor.Shape.Select(size => (JsonNode)size)]),
                ["data_offsets"] = new JsonArray(bytes.Length, bytes.Length + tensor.Bytes.Length),
            };
            bytes.Write(tensor.Bytes);
        }

        var written = SafetensorsBytes.Of(header.ToJsonString(), (int)bytes.Length);
        bytes.ToArray().CopyTo(written, written.Length - (int)bytes.Length);
        File.WriteAllBytes(PathOf("model.safetensors"), written);
    }

    public void Dispose() => _folder.Dispose();
}

/// <summary>A tensor as a file holds it.</summary>
internal sealed record StoredTensor(string Name, string Type, long[] Shape, byte[] Bytes);

/// <summary>A copy of a scorer's checkpoint, with its graphs beside the weights.</summary>
internal class BuiltScorer(string source, string name) : CheckpointCopy(source, name)
{
    public BuildReport Build(BuildOptions? options = null) => ClipCheckpoint.Build(Folder, options ?? new BuildOptions());

    /// <summary>Builds what is not built, and loads it.</summary>
    public ClipScorer Scorer(ClipScorerOptions? options = null)
    {
        Build();
        return ClipScorer.Load(Folder, options ?? new ClipScorerOptions { Threads = 1 });
    }
}

/// <summary>Of the CLIP fixture.</summary>
internal sealed class BuiltClip(string name = "clip-vit-base-patch8") : BuiltScorer(Path.Combine(Fixtures.Clip, "checkpoint"), name);

/// <summary>Of the SigLIP 2 fixture.</summary>
internal sealed class BuiltSiglip(string name = "siglip2-small-patch16") : BuiltScorer(SiglipReference.Checkpoint, name);
