using System.Globalization;
using Google.Protobuf;
using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Models;
using Sana.GraphBuilder.Onnx;
using Sana.GraphBuilder.Safetensors;
using Sana.Inference.Runtime;
using Sana.Inference.Text;
using Sana.Tests.Support;

namespace Sana.Benchmarks;

/// <summary>
/// Gemma-2-2B with its published widths (2,304 and 9,216) and a few of its 26 layers in bfloat16: the time of a prompt with the instruction's keys and values
/// cached, without the cache, and as the reference runs it, padded to 506 tokens.
/// </summary>
internal static class TextBenchmark
{
    private const int Layers = 4;
    public const int Vocabulary = 1_024; // the size of the embedding table does not affect the time
    public const int InstructionTokens = 207;
    public const int PromptTokens = 11;
    public const int PaddedTokens = 506;

    public static void Run(int rounds)
    {
        using var folder = new TempFolder();
        using var encoder = Load(folder, Write(folder, Layers), new OnnxModelOptions(Device.Cpu, 0, KeepMemory: false));
        var ids = Enumerable.Range(0, PaddedTokens).Select(i => 1 + (i * 37 % (Vocabulary - 1))).ToArray();
        using var instruction = encoder.Remember(ids.AsSpan(0, InstructionTokens));
        (string Name, Action Run)[] ways =
        [
            ($"{PromptTokens} tokens after a cached instruction", () => encoder.Encode(instruction, ids.AsSpan(0, PromptTokens))),
            ($"{InstructionTokens + PromptTokens} tokens: instruction and prompt", () => encoder.Encode(ids.AsSpan(0, InstructionTokens + PromptTokens))),
            ($"{PaddedTokens} tokens: padded, as the reference", () => encoder.Encode(ids)),
        ];
        var race = Race.Run(rounds, [.. ways.Select(way => way.Run)]);

        Markdown.Text($"{Layers} layers of Gemma-2-2B. Time of a prompt, relative to the cheapest way.");
        Markdown.Table(
            ["a second prompt", "time", "ms"],
            ways.Select((way, i) => (string[])[way.Name, $"{race.Ratio(i, 0)}", (1000 * race.Seconds(i)).ToString("N0", CultureInfo.InvariantCulture)]));
    }

    /// <summary>Writes config and weights of the published widths; the config.</summary>
    public static Gemma2Config Write(TempFolder folder, int layers)
    {
        var file = folder.File("config.json");
        File.WriteAllText(file, PublicConfigs.Gemma2);
        var config = Gemma2Config.Load(file) with { NumHiddenLayers = layers, VocabSize = Vocabulary };
        new SyntheticWeights(seed: 0).Write(folder.Path, "model", null, TensorType.BF16, Gemma2Tensors.All(config));
        return config;
    }

    /// <summary>Loads what <see cref="Write"/> has written.</summary>
    public static TextEncoder Load(TempFolder folder, Gemma2Config config, OnnxModelOptions options, Arithmetic? arithmetic = null)
    {
        var graph = SanaGraphs.TextEncoder(config, SafetensorsWeights.Open(folder.Path, "model"), arithmetic);
        return new TextEncoder(OnnxModel.Load(graph.ToModel().ToByteArray(), folder.Path, options));
    }
}
