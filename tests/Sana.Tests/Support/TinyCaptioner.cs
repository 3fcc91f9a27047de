using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Sana.GraphBuilder;
using Sana.GraphBuilder.Configs;
using Sana.Inference.Captioning;
using Sana.Inference.Imaging;

namespace Sana.Tests.Support;

/// <summary>A captioner's checkpoint of a few thousand seeded weights, as a folder.</summary>
internal sealed class TinyCaptioner : IDisposable
{
    public const int Vocabulary = 300;
    public const int EndId = 299;
    private readonly TempFolder _folder = new();
    private readonly SafetensorsReader _weights;

    /// <param name="encoderWidth">Multiple of 3; where it is not 8, it is projected.</param>
    /// <param name="tied">Whether the head is the embedding.</param>
    /// <param name="qkvBias">Of the encoder.</param>
    /// <param name="activation">Of the decoder.</param>
    /// <param name="layers">Of both networks.</param>
    /// <param name="seed">Of the weights.</param>
    public TinyCaptioner(int encoderWidth = 12, bool tied = true, bool qkvBias = true, string activation = "gelu_new", int layers = 2, int seed = 1)
    {
        Write("config.json", Config(encoderWidth, qkvBias, activation, layers));
        Write("preprocessor_config.json", JsonNode.Parse("""{"image_processor_type": "ViTImageProcessor", "size": {"height": 13, "width": 13}, "resample": 2}""")!);
        Write("generation_config.json", JsonNode.Parse($$"""{"decoder_start_token_id": {{EndId}}, "eos_token_id": {{EndId}}, "max_length": 30}""")!);
        Write("vocab.json", Vocab());
        Loaded = VisionEncoderDecoderConfig.Load(File("config.json"), File("generation_config.json"));
        Tables = tied ? new TokenTables("decoder.transformer.wte", "decoder.transformer.wte") : TokenTables.Untied;
        System.IO.File.WriteAllBytes(File("model.safetensors"), Weights(seed));
        _weights = SafetensorsReader.Open(File("model.safetensors"));
    }

    public string Folder => _folder.Path;

    public VisionEncoderDecoderConfig Loaded { get; }

    public TokenTables Tables { get; }

    public double[] this[string name] => Array.ConvertAll(_weights.Floats(name), weight => (double)weight);

    public string File(string name) => _folder.File(name);

    public void Write(string name, JsonNode json) => System.IO.File.WriteAllText(File(name), json.ToJsonString());

    /// <summary>Changes a file of settings.</summary>
    public void Change(string name, Action<JsonObject> change)
    {
        var json = JsonNode.Parse(System.IO.File.ReadAllText(File(name)))!.AsObject();
        change(json);
        Write(name, json);
    }

    /// <summary>Writes the same weights again with some tensors under other names, left out or changed.</summary>
    public void Rewrite(Func<string, string?> rename, Action<string, float[]>? change = null)
    {
        var kept = _weights.Names.Where(name => rename(name) is not null).ToArray();
        var bytes = SafetensorsBytes.Of([.. kept.Select(name => (rename(name)!, Array.ConvertAll(_weights.Shape(name), size => (long)size)))]);
        var values = kept.SelectMany(name =>
        {
            var floats = _weights.Floats(name);
            change?.Invoke(name, floats);
            return floats;
        }).ToArray();
        MemoryMarshal.AsBytes<float>(values).CopyTo(bytes.AsSpan(bytes.Length - (values.Length * 4)));
        System.IO.File.WriteAllBytes(File("model.safetensors"), bytes);
    }

    /// <summary>The network on ONNX Runtime, its graphs built; whoever asks disposes it.</summary>
    public CaptionNetwork Network(int batchSize = 16)
    {
        CaptionerCheckpoint.Build(Folder, new BuildOptions());
        return CaptionNetwork.Load(Folder, new CaptionNetworkOptions { Threads = 1, BatchSize = batchSize });
    }

    /// <summary>A seeded image; of 13×13 pixels it is what the encoder reads.</summary>
    public static RgbImage Image(int seed, int width = 13, int height = 13)
    {
        var pixels = new byte[3 * width * height];
        new Random(seed).NextBytes(pixels);
        return new RgbImage(width, height, pixels);
    }

    public void Dispose() => _folder.Dispose();

    // 13 pixels are three patches of 4 and one that is dropped.
    private static JsonNode Config(int encoderWidth, bool qkvBias, string activation, int layers) => JsonNode.Parse($$"""
        {
          "model_type": "vision-encoder-decoder",
          "encoder": {
            "model_type": "vit", "hidden_size": {{encoderWidth}}, "intermediate_size": 20, "num_attention_heads": {{(encoderWidth % 3 == 0 ? 3 : 2)}}, "num_hidden_layers": {{layers}},
            "image_size": 13, "patch_size": 4, "qkv_bias": {{(qkvBias ? "true" : "false")}}, "layer_norm_eps": 1e-12
          },
          "decoder": {
            "model_type": "gpt2", "add_cross_attention": true, "n_embd": 8, "n_head": 2, "n_layer": {{layers}}, "n_positions": 40, "n_inner": null, "vocab_size": {{Vocabulary}},
            "activation_function": "{{activation}}"
          }
        }
        """)!;

    private static JsonObject Vocab()
    {
        var vocabulary = new JsonObject();
        for (var value = 0; value < 256; value++)
        {
            var printed = value is (>= 33 and <= 126) or (>= 161 and <= 172) or >= 174;
            vocabulary[printed ? $"{(char)value}" : $"{(char)(256 + value - (value <= 32 ? 0 : value <= 160 ? 94 : 106))}"] = value;
        }

        foreach (var word in new[] { "Ġa", "Ġcat", "Ġon", "Ġthe", "Ġmat", "Ġdog", "Ã©" })
        {
            vocabulary[word] = vocabulary.Count;
        }

        vocabulary["<|endoftext|>"] = EndId;
        return vocabulary;
    }

    private byte[] Weights(int seed)
    {
        var tensors = CaptionerTensors.All(Loaded, Tables).Select(tensor => (tensor.Name, tensor.Shape)).ToArray();
        var bytes = SafetensorsBytes.Of(tensors);
        var random = new Random(seed);
        var floats = MemoryMarshal.Cast<byte, float>(bytes.AsSpan(bytes.Length - (4 * (int)tensors.Sum(tensor => Count(tensor.Shape)))));
        foreach (var (name, shape) in tensors)
        {
            // Random networks repeat themselves: strong positions and a weak last shift make captions of many tokens.
            var strength = name switch
            {
                "decoder.transformer.wpe.weight" => 30,
                "decoder.transformer.ln_f.bias" => 0.2f,
                _ when name.EndsWith("crossattention.c_proj.weight", StringComparison.Ordinal) => 4,
                _ => 2,
            };
            foreach (ref var weight in floats[..(int)Count(shape)])
            {
                weight = (random.NextSingle() - 0.5f) * strength;
            }

            floats = floats[(int)Count(shape)..];
        }

        return bytes;

        static long Count(long[] shape) => shape.Aggregate(1L, (product, size) => product * size);
    }
}
