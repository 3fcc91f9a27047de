using System.Globalization;
using Sana.Benchmarks;
using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Onnx;
using Sana.Inference.Runtime;
using Sana.Tests.Support;
using static TorchSharp.torch;

namespace Sana.TorchBenchmarks;

/// <summary>A step of the transformer of Sana-0.6B at full width.</summary>
internal static class TransformerPart
{
    private const int TextTokens = 40;
    private const int PaddedTokens = 300;

    /// <summary>Gives the seconds of all 28 blocks at the first number of tokens, by way.</summary>
    public static double[] Run(TorchBenchmarkOptions options)
    {
        using var group = new BlockGroup(options.Layers, options.Threads);
        var (own, eightBits) = (group.LoadTransformer(), group.LoadTransformer(Arithmetic.W8A8));
        var products = group.Load(MatrixProducts.Build(group.Config, group.Weights, attention: false));
        using var wide = new TorchWeights(group.WeightsFile, float32);
        using var half = new TorchWeights(group.WeightsFile, bfloat16);
        var texts = group.Embeddings(options.Samples, TextTokens);
        using var conditioning = own.Condition(texts);
        using var eightBitConditioning = eightBits.Condition(texts);
        double[]? first = null;
        foreach (var tokens in options.Tokens)
        {
            var latents = group.Latents(options.Samples, tokens);
            using var x = BlockGroup.Random(options.Samples * tokens, group.Config.Width).ToOrtValue();
            using var hidden = BlockGroup.Random(options.Samples * tokens, group.Config.FeedForwardWidth).ToOrtValue();
            var seconds = Comparison.Print(
                string.Create(CultureInfo.InvariantCulture, $"A step of {options.Layers} blocks of Sana-0.6B, {options.Samples} samples, {tokens:N0} tokens, {TextTokens} tokens of text; the reference pads them to {PaddedTokens}."),
                options.Rounds,
                new Way("here, float32", () => own.Evaluate(conditioning, latents, 500, 0).Data),
                new Way("here, w8a8", () => eightBits.Evaluate(eightBitConditioning, latents, 500, 0).Data, Exact: false),
                new Way("LibTorch, float32, as the reference", Torch(group, wide, latents, texts, padded: true)),
                new Way("LibTorch, float32, without padding", Torch(group, wide, latents, texts, padded: false)),
                new Way("LibTorch, bfloat16, as the reference", Torch(group, half, latents, texts, padded: true), Exact: false),
                new Way("LibTorch, bfloat16, without padding", Torch(group, half, latents, texts, padded: false), Exact: false),
                new Way("matrix products with weights alone, here, float32", () =>
                {
                    BlockGroup.Run(products, ("x", x), ("hidden", hidden));
                    return [];
                }),
                new Way("the same in LibTorch, float32", Products(group, wide, tokens * options.Samples)),
                new Way("the same in LibTorch, bfloat16", Products(group, half, tokens * options.Samples), Exact: false));
            first ??= [.. seconds.Select(one => one * SanaTransformerConfig.Published[0].Config.NumLayers / options.Layers)];
        }

        return first!;
    }

    private static Func<float[]> Torch(BlockGroup group, TorchWeights weights, FloatTensor latents, FloatTensor[] texts, bool padded)
    {
        var network = new TorchSanaTransformer(group.Config, weights);
        var x = latents.ToTorch(weights.Type);
        var text = stack(texts.Select(one => one.ToTorch(weights.Type))); // [b, l, channels]
        var timestep = full(texts.Length, 500f);
        if (!padded)
            return () => Result(null);

        text = nn.functional.pad(text, [0, 0, 0, PaddedTokens - TextTokens]);
        var mask = arange(PaddedTokens).less(TextTokens).to_type(float32).unsqueeze(0).expand(texts.Length, -1);
        return () => Result(mask);

        float[] Result(Tensor? given)
        {
            using var velocity = network.Forward(x, timestep, text, given);
            return velocity.Values();
        }
    }

    private static Func<float[]> Products(BlockGroup group, TorchWeights weights, int rows)
    {
        string[] square = ["attn1.to_q", "attn1.to_k", "attn1.to_v", "attn1.to_out.0", "attn2.to_q", "attn2.to_out.0", "ff.conv_inverted"];
        var (x, hidden) = (randn(rows, group.Config.Width).to_type(weights.Type), randn(rows, group.Config.FeedForwardWidth).to_type(weights.Type));
        return () =>
        {
            using var scope = NewDisposeScope();
            for (var i = 0; i < group.Config.NumLayers; i++)
            {
                foreach (var name in square)
                    nn.functional.linear(x, weights[$"transformer_blocks.{i}.{name}.weight"].flatten(1)).Dispose();
                nn.functional.linear(hidden, weights[$"transformer_blocks.{i}.ff.conv_point.weight"].flatten(1)).Dispose();
            }

            return [];
        };
    }
}

/// <summary>The text encoder, Gemma-2-2B at full width.</summary>
internal static class TextPart
{
    private const int Layers = 26;
    private const int InstructionTokens = TextBenchmark.InstructionTokens;
    private const int PromptTokens = TextBenchmark.PromptTokens;
    private const int PaddedTokens = TextBenchmark.PaddedTokens;

    /// <summary>Gives the seconds of all 26 layers, by way.</summary>
    public static double[] Run(TorchBenchmarkOptions options)
    {
        using var folder = new TempFolder();
        var config = TextBenchmark.Write(folder, options.TextLayers);
        var file = folder.File("model.safetensors");
        var settings = new OnnxModelOptions(Sana.Inference.Runtime.Device.Cpu, options.Threads, KeepMemory: true);
        using var own = TextBenchmark.Load(folder, config, settings);
        using var eightBits = TextBenchmark.Load(folder, config, settings, Arithmetic.W8A8);
        using var wide = new TorchWeights(file, float32);
        using var half = new TorchWeights(file, bfloat16);
        int[] ids = [.. Enumerable.Range(0, InstructionTokens + PromptTokens).Select(i => 1 + (i * 37 % (TextBenchmark.Vocabulary - 1)))];
        using var instruction = own.Remember(ids.AsSpan(0, InstructionTokens));
        using var eightBitInstruction = eightBits.Remember(ids.AsSpan(0, InstructionTokens));
        var seconds = Comparison.Print(
            $"{options.TextLayers} layers of Gemma-2-2B, a prompt of {PromptTokens} tokens behind an instruction of {InstructionTokens}; the reference pads them to {PaddedTokens}. Here the instruction is kept.",
            options.Rounds,
            new Way("here, float32", () => own.Encode(instruction, ids.AsSpan(InstructionTokens)).Data),
            new Way("here, w8a8", () => eightBits.Encode(eightBitInstruction, ids.AsSpan(InstructionTokens)).Data, Exact: false),
            new Way("here, float32, the first prompt", () => Last(own.Encode(ids).Data, config)),
            new Way("LibTorch, float32, as the reference", Torch(config, wide, ids, PaddedTokens)),
            new Way("LibTorch, float32, without padding", Torch(config, wide, ids, ids.Length)),
            new Way("LibTorch, bfloat16, as the reference", Torch(config, half, ids, PaddedTokens), Exact: false),
            new Way("LibTorch, bfloat16, without padding", Torch(config, half, ids, ids.Length), Exact: false));
        return [.. seconds.Select(one => one * Layers / options.TextLayers)];
    }

    private static Func<float[]> Torch(Gemma2Config config, TorchWeights weights, int[] ids, int length)
    {
        var network = new TorchGemma2(config, weights);
        var padded = tensor(Enumerable.Range(0, length).Select(i => i < ids.Length ? (long)ids[i] : 0).ToArray()).unsqueeze(0);
        return () =>
        {
            using var states = network.Forward(padded, ids.Length);
            using var text = states.narrow(1, 0, ids.Length);
            return Last(text.Values(), config);
        };
    }

    // The states of the prompt, which stand behind those of the instruction.
    private static float[] Last(float[] states, Gemma2Config config) => states[^(PromptTokens * config.HiddenSize)..];
}

/// <summary>The decoder of the autoencoder at full width.</summary>
internal static class DecoderPart
{
    /// <summary>Gives the seconds of the first size, by way.</summary>
    public static double[] Run(TorchBenchmarkOptions options)
    {
        using var folder = new TempFolder();
        var config = DecodeBenchmark.Write(folder);
        var file = folder.File("diffusion_pytorch_model.safetensors");
        using var own = DecodeBenchmark.Load(folder, config, new OnnxModelOptions(Sana.Inference.Runtime.Device.Cpu, options.Threads, KeepMemory: true));
        using var wide = new TorchWeights(file, float32);
        using var half = new TorchWeights(file, bfloat16);
        double[]? first = null;
        foreach (var pixels in options.Pixels)
        {
            var latents = BlockGroup.Random(1, config.LatentChannels, pixels / config.SpatialCompression, pixels / config.SpatialCompression);
            var seconds = Comparison.Print(
                $"Decoding one image of {pixels} pixels.",
                options.Rounds,
                new Way("here, float32", () => own.Decode(latents).Data),
                new Way("LibTorch, float32", Torch(config, wide, latents)),
                new Way("LibTorch, bfloat16", Torch(config, half, latents), Exact: false));
            first ??= seconds;
        }

        return first!;
    }

    private static Func<float[]> Torch(AutoencoderDCConfig config, TorchWeights weights, FloatTensor latents)
    {
        var (network, x) = (new TorchDecoderDC(config, weights), latents.ToTorch(weights.Type));
        return () =>
        {
            using var image = network.Forward(x);
            return image.Values();
        };
    }
}
