using System.Globalization;
using Sana.GraphBuilder;
using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Safetensors;
using Sana.Inference.Captioning;
using Sana.Inference.Diffusion;
using Sana.Inference.Imaging;
using Sana.Tests.Support;

namespace Sana.Benchmarks;

/// <summary>Captions a second of Florence-2-base at full size, with random weights, so that each caption has as many tokens as it may.</summary>
internal static class CaptionBenchmark
{
    private const int Tokens = 40;
    private const int Batch = 4;

    public static void Run(int rounds)
    {
        using var folder = new TempFolder();
        Write(folder);
        using var network = CaptionNetwork.Load(folder.Path, new CaptionNetworkOptions { BatchSize = Batch });
        using var eightBits = CaptionNetwork.Load(folder.Path, new CaptionNetworkOptions { BatchSize = Batch, Precision = Precision.W8A8 });
        var random = new Random(1);
        RgbImage[] images = [.. Enumerable.Range(0, Batch).Select(_ => new RgbImage(512, 512, [.. Enumerable.Range(0, 3 * 512 * 512).Select(i => (byte)((i % 200) + random.Next(56)))]))];
        (string Name, int Images, Action<CaptionNetwork> Run)[] ways =
        [
            ("the encoder and one step of the decoder", Batch, one => Caption(one, images, beams: 1, tokens: 3)),
            ("greedy, an image alone", 1, one => Caption(one, images[..1], beams: 1, Tokens)),
            ($"greedy, {Batch} images together", Batch, one => Caption(one, images, beams: 1, Tokens)),
            ("3 beams, an image alone", 1, one => Caption(one, images[..1], beams: 3, Tokens)),
            ($"3 beams, {Batch} images together", Batch, one => Caption(one, images, beams: 3, Tokens)),
        ];
        var race = Race.Run(rounds, [.. ways.SelectMany(way => new Action[] { () => way.Run(network), () => way.Run(eightBits) })]);
        Markdown.Text($"Florence-2-base's shape with random weights, captions of {Tokens} tokens, all cores; time of an image relative to the first row, and of w8a8 relative to float32. Memory of both at most {Memory.Peak / 1e9:0.0} GB.");
        Markdown.Table(
            ["caption", "time in float32", "captions a second", "w8a8 to float32", "captions a second"],
            ways.Select((way, i) => (string[])[way.Name, $"{race.Ratio(2 * i, 0, way.Images / (double)Batch)}", Rate(2 * i), $"{race.Ratio((2 * i) + 1, 2 * i)}", Rate((2 * i) + 1)]));

        string Rate(int entrant) => (ways[entrant / 2].Images / race.Seconds(entrant)).ToString("0.000", CultureInfo.InvariantCulture);

        // Start and first token are given, so a caption of three takes one step.
        static void Caption(CaptionNetwork one, RgbImage[] some, int beams, int tokens) => one.Generate(some, new GenerationOptions { Beams = beams, NoRepeatNgramSize = 3, MaxTokens = tokens });
    }

    /// <summary>Writes a checkpoint and builds its graphs in both precisions.</summary>
    public static void Write(TempFolder folder)
    {
        // The vocabulary is the fixture's small one; the table of tokens has its published size, and no token ends a caption.
        var config = PublicConfigs.Florence2Base.Replace("\"image_token_id\": 51289", "\"image_token_id\": 446", StringComparison.Ordinal).Replace("\"eos_token_id\": 2", "\"eos_token_id\": 51327", StringComparison.Ordinal);
        File.WriteAllText(folder.File("config.json"), config);
        File.WriteAllText(folder.File("preprocessor_config.json"), """
            {"size": {"height": 768, "width": 768}, "do_center_crop": false, "resample": 3, "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
            """);
        File.WriteAllText(folder.File("generation_config.json"), """{"decoder_start_token_id": 2, "eos_token_id": 51327, "forced_bos_token_id": 0}""");
        File.Copy(Path.Combine(Fixtures.Florence, "checkpoint", "tokenizer.json"), folder.File("tokenizer.json"));
        var tables = new TokenTables("model.language_model.shared", "model.language_model.shared");
        var tensors = Florence2Tensors.All(Florence2Config.Load(folder.File("config.json"), folder.File("generation_config.json"), "Florence-2-base"), tables);
        new SyntheticWeights(seed: 0).Write(folder.Path, "model", null, TensorType.F16, tensors);
        CaptionerCheckpoint.Build(folder.Path, new BuildOptions { Precision = GraphPrecision.W8A8 });
    }
}
