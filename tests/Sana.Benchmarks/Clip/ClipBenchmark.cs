using System.Globalization;
using Microsoft.ML.OnnxRuntime;
using NetVips;
using Sana.Benchmarks.Checkpoints;
using Sana.Benchmarks.Measuring;
using Sana.GraphBuilder;
using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Safetensors;
using Sana.Inference.Clip;
using Sana.Inference.Imaging;
using Sana.Inference.Runtime;
using Sana.Tests.Support;

namespace Sana.Benchmarks.Clip;

/// <summary>
/// Scoring with ViT-B/32 at full size on one core: what preparing an image costs beside other ways to resize it, and what the scorer adds to the bare runs of its networks.
/// </summary>
internal static class ClipBenchmark
{
    private const int Side = 224;
    private const int Batch = 16;
    private static readonly double[] Half = [0.5, 0.5, 0.5];

    public static void Run(int rounds)
    {
        Prepare(rounds, 1024);
        Prepare(rounds, 512);
        Score(rounds);
        Distance();
    }

    private static void Prepare(int rounds, int size)
    {
        var image = Photo(size);
        var preprocess = new ClipPreprocess(Side, Side, 1d / 255, Half, Half);
        var (planes, bytes) = (new float[preprocess.Length], new byte[preprocess.Length + 1]);
        LibVips.Configure();
        (string Name, Action Run)[] ways =
        [
            ("PIL's bits, prepared for the network", () => preprocess.Write(image, planes)),
            ("PIL's bits, resized only", () => preprocess.Cut(image, bytes)),
            ("PIL's bits, resized only, without vectors", () => preprocess.Cut(image, bytes, vectors: false)),
            ("the same cubic in float32, resized only", () => FloatBicubic.Resize(image, Side)),
            ("libvips, cubic, resized only", () => Vips(image)),
        ];
        var race = Race.Run(5 * rounds, [.. ways.Select(way => way.Run)]);
        Markdown.Text($"An image of {size}×{size} pixels to {Side}×{Side} on one core; time relative to libvips.");
        Markdown.Table(
            ["prepare", "time", "images/s"],
            ways.Select((way, i) => (string[])[way.Name, $"{race.Ratio(i, ways.Length - 1)}", Number(1 / race.Seconds(i))]));
    }

    private static void Score(int rounds)
    {
        using var folder = new TempFolder();
        Write(folder);
        var images = Enumerable.Range(0, Batch).Select(_ => Photo(512)).ToArray();
        var texts = Enumerable.Range(0, Batch).Select(i => $"a photo of {i} cats on a wooden table, seen from above, next to a cup of coffee").ToArray();
        using var scorer = ClipScorer.Load(folder.Path, new ClipScorerOptions { Threads = 1, BatchSize = Batch });
        using var vision = Load(folder, "vision_model.onnx");
        using var text = Load(folder, "text_model.onnx");
        var pixels = new float[Batch * 3 * Side * Side];
        var tokens = scorer.ScoreTexts(new float[512], texts[^1..])[0].Tokens;
        var ids = Enumerable.Range(0, Batch * tokens).Select(i => (long)(i % 1000)).ToArray();
        var embedding = scorer.EmbedImages(images[..1])[0];
        (string Name, Action Run)[] ways =
        [
            ("images: bare run of the network", () => Bare(vision, "pixel_values", OrtValue.CreateTensorValueFromMemory(pixels, [Batch, 3, Side, Side]), "image_embeds")),
            ("images of 512×512: the scorer", () => scorer.EmbedImages(images)),
            ("texts: bare run of the network", () => Bare(text, "input_ids", OrtValue.CreateTensorValueFromMemory(ids, [Batch, tokens]), "text_embeds")),
            ("texts: the scorer", () => scorer.ScoreTexts(embedding, texts)),
        ];
        var race = Race.Run(rounds, [.. ways.Select(way => way.Run)]);
        Markdown.Text($"ViT-B/32 of random weights, batches of {Batch}, texts of {tokens} tokens, one core; time relative to the bare run of the same network. Limit: 1.10.");
        Markdown.Table(
            ["score", "time", "a second"],
            ways.Select((way, i) => (string[])[way.Name, $"{race.Ratio(i, i / 2 * 2)}", Number(Batch / race.Seconds(i))]));
    }

    private static void Distance()
    {
        Markdown.Text("Fréchet distance of two sets of 1,000 embeddings, once; seconds of the processor.");
        Markdown.Table(
            ["width", "s to add an embedding", "s for the distance"],
            new[] { 512, 768 }.Select(width =>
            {
                var random = new Random(width);
                var (first, second) = (new EmbeddingMoments(width), new EmbeddingMoments(width));
                var row = new float[width];
                var start = Environment.CpuUsage.TotalTime;
                for (var i = 0; i < 2000; i++)
                {
                    for (var k = 0; k < width; k++) row[k] = (float)(random.NextDouble() + random.NextDouble() - 1) / (1 + k);
                    (i % 2 == 0 ? first : second).Add(row);
                }

                var added = (Environment.CpuUsage.TotalTime - start).TotalSeconds / 2000;
                start = Environment.CpuUsage.TotalTime;
                FrechetDistance.Between(first, second);
                return (string[])[$"{width}", added.ToString("0.000000", CultureInfo.InvariantCulture), Number((Environment.CpuUsage.TotalTime - start).TotalSeconds)];
            }));
    }

    private static void Write(TempFolder folder)
    {
        // The fixture's tokenizer is small: its end token is the highest id of a text, not the one that the real vocabulary has.
        File.WriteAllText(folder.File("config.json"), PublicConfigs.ClipVitB32.Replace("\"text_config\": {}", "\"text_config\": { \"eos_token_id\": 2 }", StringComparison.Ordinal));
        File.WriteAllText(folder.File("preprocessor_config.json"), "{}");
        foreach (var file in new[] { "vocab.json", "merges.txt" })
            File.Copy(Path.Combine(Fixtures.Clip, "checkpoint", file), folder.File(file));
        new SyntheticWeights(seed: 0).Write(folder.Path, "model", null, TensorType.F32, ClipTensors.All(ClipConfig.Load(folder.File("config.json"))));
        ClipCheckpoint.Build(folder.Path, new BuildOptions());
    }

    private static OnnxModel Load(TempFolder folder, string graph) => OnnxModel.Load(folder.File(graph), new OnnxModelOptions(Device.Cpu, 1, KeepMemory: true));

    private static void Bare(OnnxModel network, string input, OrtValue value, string output)
    {
        using (value)
        {
            using var outputs = network.Run([(input, value)], [output], default);
        }
    }

    private static void Vips(RgbImage image)
    {
        using var source = Image.NewFromMemory(image.Pixels, image.Width, image.Height, 3, Enums.BandFormat.Uchar);
        using var resized = source.Resize((double)Side / Math.Min(image.Width, image.Height), kernel: Enums.Kernel.Cubic);
        resized.WriteToMemory<byte>();
    }

    // Smooth with some noise: what it shows does not change the time.
    private static RgbImage Photo(int size)
    {
        var random = new Random(size);
        return new RgbImage(size, size, [.. Enumerable.Range(0, 3 * size * size).Select(i => (byte)((i % 200) + random.Next(56)))]);
    }

    private static string Number(double value) => value.ToString(value < 100 ? "0.0" : "0", CultureInfo.InvariantCulture);
}
