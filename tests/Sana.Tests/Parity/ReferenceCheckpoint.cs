using System.Text.Json;
using Google.Protobuf;
using Sana.GraphBuilder;
using Sana.GraphBuilder.Onnx;
using Sana.Inference.Runtime;
using Sana.Tests.Support;

namespace Sana.Tests.Parity;

/// <summary>A checkpoint of the fixtures with what the reference implementation gives on it. Graphs are built in memory, with every module's output exposed.</summary>
internal sealed class ReferenceCheckpoint : IDisposable
{
    /// <summary>Autoencoder, measured; largest difference over largest expected value.</summary>
    public const double AutoencoderTolerance = 2e-5;

    /// <summary>Text encoder and transformer.</summary>
    public const double NetworkTolerance = 5e-5;

    /// <summary>A whole run with guidance.</summary>
    public const double RunTolerance = 2e-4;

    private readonly JsonDocument _json;
    private readonly List<IDisposable> _owned = [];

    public ReferenceCheckpoint(string name)
    {
        Folder = Path.Combine(Fixtures.Sana, "checkpoints", name);
        Files = SanaFiles.Open(Folder, new BuildOptions());
        Expected = SafetensorsReader.Open("expected", $"{name}.safetensors");
        _json = Fixtures.Json("expected", $"{name}.json");
    }

    public static IEnumerable<string> Names =>
        Directory.GetDirectories(Path.Combine(Fixtures.Sana, "checkpoints")).Select(folder => Path.GetFileName(folder)!).Order(StringComparer.Ordinal);

    public string Folder { get; }

    public SanaFiles Files { get; }

    public SafetensorsReader Expected { get; }

    public JsonElement Json => _json.RootElement;

    public bool Has(string property) => Json.TryGetProperty(property, out _);

    /// <summary>Names of expected tensors that begin with a prefix and end with a suffix, between which a part is left.</summary>
    public IEnumerable<string> Between(string prefix, string suffix) => Expected.Names
        .Where(name => name.StartsWith(prefix, StringComparison.Ordinal) && name.EndsWith(suffix, StringComparison.Ordinal) && name.Length > prefix.Length + suffix.Length)
        .Select(name => name[prefix.Length..^suffix.Length]);

    public FloatTensor Tensor(string name) => new(Expected.Floats(name), [.. Expected.Shape(name).Select(side => (long)side)]);

    public OnnxModel Load(Graph graph, string folder)
    {
        var network = OnnxModel.Load(graph.ToModel().ToByteArray(), Path.Combine(Folder, folder), new OnnxModelOptions(Device.Cpu, 1, KeepMemory: false));
        _owned.Add(network);
        return network;
    }

    public OnnxModel LoadWithMetadata(Graph graph, string folder)
    {
        foreach (var (key, value) in Files.Metadata)
            graph.Metadata(key, value);
        return Load(graph, folder);
    }

    public void Dispose()
    {
        _owned.ForEach(owned => owned.Dispose());
        _json.Dispose();
    }
}
