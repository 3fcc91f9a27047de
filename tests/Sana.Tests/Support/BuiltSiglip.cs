using System.Buffers.Binary;
using System.Text.Json.Nodes;
using Sana.GraphBuilder;
using Sana.Inference.Clip;

namespace Sana.Tests.Support;

/// <summary>A copy of the SigLIP 2 fixture's checkpoint that a test may change, with its graphs beside the weights.</summary>
internal sealed class BuiltSiglip : IDisposable
{
    private readonly TempFolder _folder = new();

    public BuiltSiglip(string name = "siglip2-small-patch16")
    {
        Folder = Directory.CreateDirectory(_folder.File(name)).FullName;
        // Somebody may have run the program on the fixture itself.
        foreach (var file in Directory.EnumerateFiles(SiglipReference.Checkpoint))
        {
            if (Path.GetFileName(file) is not ("sana.build.json" or "vision_model.onnx" or "text_model.onnx"))
                File.WriteAllBytes(PathOf(Path.GetFileName(file)), File.ReadAllBytes(file));
        }
    }

    public string Folder { get; }

    public string PathOf(string file) => Path.Combine(Folder, file);

    public BuildReport Build(BuildOptions? options = null) => ClipCheckpoint.Build(Folder, options ?? new BuildOptions());

    /// <summary>Builds what is not built, and loads it.</summary>
    public ClipScorer Scorer(ClipScorerOptions? options = null)
    {
        Build();
        return ClipScorer.Load(Folder, options ?? new ClipScorerOptions { Threads = 1 });
    }

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
