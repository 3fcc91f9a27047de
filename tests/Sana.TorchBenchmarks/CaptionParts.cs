using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;
using Sana.Benchmarks;
using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Models;
using Sana.GraphBuilder.Onnx;
using Sana.GraphBuilder.Safetensors;
using Sana.Inference.Captioning;
using Sana.Inference.Diffusion;
using Sana.Inference.Imaging;
using Sana.Inference.Runtime;
using Sana.Inference.Text;
using Sana.Tests.Support;
using static TorchSharp.torch;
using FloatTensor = Sana.Inference.Runtime.FloatTensor;

namespace Sana.TorchBenchmarks;

/// <summary>Captions by Florence-2-base's shape, with random weights: every caption has as many tokens as it may.</summary>
internal static class CaptionPart
{
    private const int Tokens = 40;
    private const int Batch = 4;
    private const string Task = "caption";
    private static readonly float[] Mean = [0.485f, 0.456f, 0.406f];
    private static readonly float[] Deviation = [0.229f, 0.224f, 0.225f];

    public static void Run(TorchBenchmarkOptions options)
    {
        using var folder = new TempFolder();
        CaptionBenchmark.Write(folder);
        var config = Florence2Config.Load(folder.File("config.json"), folder.File("generation_config.json"), "Florence-2-base");
        var tables = Florence2Tensors.Tables(SafetensorsWeights.Open(folder.Path, "model"), config.TieWordEmbeddings);
        using var own = CaptionNetwork.Load(folder.Path, new CaptionNetworkOptions { BatchSize = Batch, Threads = options.Threads });
        using var eightBits = CaptionNetwork.Load(folder.Path, new CaptionNetworkOptions { BatchSize = Batch, Threads = options.Threads, Precision = Precision.W8A8 });
        var file = folder.File("model.safetensors");
        using var wide = new TorchWeights(file, float32);
        using var half = new TorchWeights(file, bfloat16);

        // The side of the network, so that nothing is resized.
        var random = new Random(1);
        RgbImage[] images = [.. Enumerable.Range(0, Batch).Select(_ => new RgbImage(768, 768, [.. Enumerable.Range(0, 3 * 768 * 768).Select(i => (byte)((i % 200) + random.Next(56)))]))];
        var vocabulary = Gpt2Vocabulary.LoadWithMerges(folder.Path);
        var sentence = tensor([vocabulary.Require("<s>"), .. vocabulary.Encode(FlorenceTasks.Questions[Task]).Select(id => (long)id), vocabulary.Require("</s>")]);
        int[] written = [config.Generation.ForcedBosTokenId!.Value, .. Enumerable.Range(5, Tokens - 2)]; // any caption
        foreach (var (name, some, beams) in new[] { ("greedy, an image alone", 1, 1), ("greedy, four images together", Batch, 1), ("three beams, an image alone", 1, 3) })
        {
            Comparison.Print(
                $"Captions of {Tokens} tokens, {name}; the difference is that of the logits after {Tokens - 2} tokens of the first.",
                options.Rounds,
                Own("here, float32", own, images[..some], beams),
                Own("here, w8a8", eightBits, images[..some], beams) with { Exact = false },
                Torch("LibTorch, float32", wide, images[..some], beams),
                Torch("LibTorch, bfloat16", half, images[..some], beams) with { Exact = false });
        }


        Way Own(string name, CaptionNetwork network, RgbImage[] some, int beams) => new(name, () => network.LogitsAfter(images[0], written, task: Task).Data)
        {
            Run = () => network.Generate(some, new GenerationOptions { Task = Task, Beams = beams, NoRepeatNgramSize = 0, MaxTokens = Tokens }),
        };

        Way Torch(string name, TorchWeights weights, RgbImage[] some, int beams)
        {
            var network = new TorchFlorence2(config, tables, weights);
            return new(name, Logits)
            {
                Run = () =>
                {
                    using var pixels = Pixels(some, weights.Type);
                    network.Generate(pixels, sentence, Tokens, beams).Dispose();
                },
            };

            float[] Logits()
            {
                using var scope = NewDisposeScope();
                using var cache = new TorchFlorence2.Cache(config.Text.DecoderLayers);
                var ids = tensor([config.Generation.DecoderStartTokenId, .. written.Select(id => (long)id)]).unsqueeze(0);
                return network.Logits(ids, network.Encode(Pixels(images[..1], weights.Type), sentence), cache).Values();
            }
        }
    }

    private static Tensor Pixels(RgbImage[] images, ScalarType type)
    {
        using var scope = NewDisposeScope();
        var bytes = stack(images.Select(image => tensor(image.Pixels, image.Height, image.Width, 3))).permute(0, 3, 1, 2); // [b, 3, side, side]
        var normal = ((bytes.to_type(float32) / 255) - tensor(Mean).view(3, 1, 1)) / tensor(Deviation).view(3, 1, 1);
        return normal.to_type(type).contiguous().MoveToOuterDisposeScope();
    }
}

/// <summary>SigLIP 2 base: images and texts to embeddings.</summary>
internal static class ScorerPart
{
    private const int Batch = 16;

    public static void Run(TorchBenchmarkOptions options)
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder.File("config.json"), PublicConfigs.Siglip2Base);
        var config = SiglipConfig.Load(folder.File("config.json")) with { VocabSize = 1_024 }; // the size of the table does not affect the time
        new SyntheticWeights(seed: 0).Write(folder.Path, "model", null, TensorType.F32, SiglipTensors.All(config));
        var (stored, file) = (SafetensorsWeights.Open(folder.Path, "model"), folder.File("model.safetensors"));
        using var wide = new TorchWeights(file, float32);
        using var half = new TorchWeights(file, bfloat16);
        var pixels = BlockGroup.Random(Batch, 3, config.ImageSize, config.ImageSize);
        long[] ids = [.. Enumerable.Range(0, Batch * config.MaxPositionEmbeddings).Select(i => 1 + (i * 37L % 1_000))];
        long[] shape = [Batch, config.MaxPositionEmbeddings];

        using (var own = Load(SiglipGraphs.Vision(config, stored)))
        using (var eightBits = Load(SiglipGraphs.Vision(config, stored, arithmetic: Arithmetic.W8A8)))
        {
            Comparison.Print(
                $"SigLIP 2 base, {Batch} images.",
                options.Rounds,
                new Way("here, float32", () => OnImages(own)),
                new Way("here, w8a8", () => OnImages(eightBits), Exact: false),
                new Way("LibTorch, float32", () => Torch(wide, pixels.ToTorch(float32), (network, x) => network.EmbedImages(x))),
                new Way("LibTorch, bfloat16", () => Torch(half, pixels.ToTorch(bfloat16), (network, x) => network.EmbedImages(x)), Exact: false));
        }

        using (var own = Load(SiglipGraphs.Text(config, stored)))
        using (var eightBits = Load(SiglipGraphs.Text(config, stored, arithmetic: Arithmetic.W8A8)))
        {
            Comparison.Print(
                $"SigLIP 2 base, {Batch} texts.",
                options.Rounds,
                new Way("here, float32", () => OnTexts(own)),
                new Way("here, w8a8", () => OnTexts(eightBits), Exact: false),
                new Way("LibTorch, float32", () => Torch(wide, tensor(ids, shape), (network, x) => network.EmbedTexts(x))),
                new Way("LibTorch, bfloat16", () => Torch(half, tensor(ids, shape), (network, x) => network.EmbedTexts(x)), Exact: false));
        }


        OnnxModel Load(Graph graph) => OnnxModel.Load(graph.ToModel().ToByteArray(), folder.Path, new OnnxModelOptions(Sana.Inference.Runtime.Device.Cpu, options.Threads, KeepMemory: true));

        float[] OnImages(OnnxModel network) => Outputs(network, "pixel_values", pixels.ToOrtValue(), "image_embeds");

        float[] OnTexts(OnnxModel network) => Outputs(network, "input_ids", OrtValue.CreateTensorValueFromMemory(ids, shape), "text_embeds");

        float[] Torch(TorchWeights weights, Tensor x, Func<TorchSiglip, Tensor, Tensor> embed)
        {
            using (x)
            using (var embedding = embed(new TorchSiglip(config, weights), x))
                return embedding.Values();
        }
    }

    private static float[] Outputs(OnnxModel network, string input, OrtValue value, string output)
    {
        using (value)
        using (var outputs = network.Run([(input, value)], [output], default))
            return FloatTensor.From(outputs[0]).Data;
    }
}
