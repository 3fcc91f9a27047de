using System.Runtime.InteropServices;
using Google.Protobuf;
using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Models;
using Sana.GraphBuilder.Safetensors;
using Sana.Inference.Runtime;
using Sana.Inference.Text;

namespace Sana.Tests.Support;

/// <summary>A Gemma text encoder of a few thousand seeded weights.</summary>
internal sealed class TinyGemma : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly SafetensorsReader _weights;
    private readonly SafetensorsWeights _entries;

    public TinyGemma(int layers = 1, int slidingWindow = 4096, int vocabulary = 300, int seed = 1)
    {
        File.WriteAllText(_folder.File("config.json"), $$"""
            {
              "model_type": "gemma2", "head_dim": 6, "hidden_size": 10, "intermediate_size": 14, "num_attention_heads": 4, "num_hidden_layers": {{layers}},
              "num_key_value_heads": 2, "query_pre_attn_scalar": 8, "attn_logit_softcapping": 2.0, "sliding_window": {{slidingWindow}}, "vocab_size": {{vocabulary}}
            }
            """);
        Config = Gemma2Config.Load(_folder.File("config.json"));
        var tensors = Gemma2Tensors.All(Config).Select(tensor => (tensor.Name, tensor.Shape)).ToArray();
        var bytes = SafetensorsBytes.Of(tensors);
        var random = new Random(seed);
        foreach (ref var weight in MemoryMarshal.Cast<byte, float>(bytes.AsSpan(bytes.Length - (int)(tensors.Sum(t => t.Shape.Aggregate(1L, (product, size) => product * size)) * 4))))
        {
            weight = random.NextSingle() - 0.5f;
        }

        File.WriteAllBytes(_folder.File("model.safetensors"), bytes);
        _weights = SafetensorsReader.Open(_folder.File("model.safetensors"));
        _entries = SafetensorsWeights.Open(_folder.Path, "model");
    }

    public Gemma2Config Config { get; }

    public double[] this[string name] => Array.ConvertAll(_weights.Floats(name), weight => (double)weight);

    /// <summary>The network on ONNX Runtime; whoever asks disposes it.</summary>
    public TextEncoder Encoder()
    {
        var graph = SanaGraphs.TextEncoder(Config, _entries);
        graph.Metadata("vocab_size", MetadataText.Of(Config.VocabSize));
        return new TextEncoder(OnnxModel.Load(graph.ToModel().ToByteArray(), _folder.Path, new OnnxModelOptions(Device.Cpu, 1, KeepMemory: false)));
    }

    /// <summary>Its head on ONNX Runtime; whoever asks disposes it.</summary>
    public OnnxModel Head() => OnnxModel.Load(SanaGraphs.Head(Config, _entries).ToModel().ToByteArray(), _folder.Path, new OnnxModelOptions(Device.Cpu, 1, KeepMemory: false));

    public void Dispose() => _folder.Dispose();
}
