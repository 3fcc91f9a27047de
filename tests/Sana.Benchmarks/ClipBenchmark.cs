using System.Globalization;
using System.Numerics.Tensors;
using Microsoft.ML.OnnxRuntime;
using NetVips;
using Sana.GraphBuilder;
using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Safetensors;
using Sana.Inference.Clip;
using Sana.Inference.Imaging;
using Sana.Inference.Runtime;
using Sana.Tests.Support;

namespace Sana.Benchmarks;

/// <summary>
/// Scores with ViT-B/32 at full size on one core: the cost of preparing an image compared with other ways to resize it, and what the scorer adds to the plain
/// runs of its networks.
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
        using var eightBitVision = Load(folder, "vision_model.w8a8.onnx");
        using var eightBitText = Load(folder, "text_model.w8a8.onnx");
        var pixels = new float[Batch * 3 * Side * Side];
        var tokens = scorer.ScoreTexts(new float[512], texts[^1..])[0].Tokens;
        var ids = Enumerable.Range(0, Batch * tokens).Select(i => (long)(i % 1000)).ToArray();
        var embedding = scorer.EmbedImages(images[..1])[0];
        (string Name, Action Run)[] ways =
        [
            ("images: plain run of the network", () => RunPlain(vision, "pixel_values", OrtValue.CreateTensorValueFromMemory(pixels, [Batch, 3, Side, Side]), "image_embeds")),
            ("images of 512×512: the scorer", () => scorer.EmbedImages(images)),
            ("images: plain run in w8a8", () => RunPlain(eightBitVision, "pixel_values", OrtValue.CreateTensorValueFromMemory(pixels, [Batch, 3, Side, Side]), "image_embeds")),
            ("texts: plain run of the network", () => RunPlain(text, "input_ids", OrtValue.CreateTensorValueFromMemory(ids, [Batch, tokens]), "text_embeds")),
            ("texts: the scorer", () => scorer.ScoreTexts(embedding, texts)),
            ("texts: plain run in w8a8", () => RunPlain(eightBitText, "input_ids", OrtValue.CreateTensorValueFromMemory(ids, [Batch, tokens]), "text_embeds")),
        ];
        var race = Race.Run(rounds, [.. ways.Select(way => way.Run)]);
        Markdown.Text($"ViT-B/32 of random weights, batches of {Batch}, texts of {tokens} tokens, one core; time relative to the plain run of the same network in float32. Limit of the scorer: 1.10.");
        Markdown.Table(
            ["score", "time", "a second"],
            ways.Select((way, i) => (string[])[way.Name, $"{race.Ratio(i, i / 3 * 3)}", Number(Batch / race.Seconds(i))]));
    }

    private static void Distance()
    {
        Markdown.Text("Fréchet distance of two sets of 1,000 embeddings, computed once; seconds of processor time.");
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
        // The end token of the fixture's small tokenizer is not the one of the published vocabulary.
        File.WriteAllText(folder.File("config.json"), PublicConfigs.ClipVitB32.Replace("\"text_config\": {}", "\"text_config\": { \"eos_token_id\": 2 }", StringComparison.Ordinal));
        File.WriteAllText(folder.File("preprocessor_config.json"), "{}");
        foreach (var file in new[] { "vocab.json", "merges.txt" })
            File.Copy(Path.Combine(Fixtures.Clip, "checkpoint", file), folder.File(file));
        new SyntheticWeights(seed: 0).Write(folder.Path, "model", null, TensorType.F32, ClipTensors.All(ClipConfig.Load(folder.File("config.json"))));
        ClipCheckpoint.Build(folder.Path, new BuildOptions { Precision = GraphPrecision.W8A8 });
    }

    private static OnnxModel Load(TempFolder folder, string graph) => OnnxModel.Load(folder.File(graph), new OnnxModelOptions(Device.Cpu, 1, KeepMemory: true));

    private static void RunPlain(OnnxModel network, string input, OrtValue value, string output)
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

    // A smooth picture with some noise. The time does not depend on the content.
    private static RgbImage Photo(int size)
    {
        var random = new Random(size);
        return new RgbImage(size, size, [.. Enumerable.Range(0, 3 * size * size).Select(i => (byte)((i % 200) + random.Next(56)))]);
    }

    private static string Number(double value) => value.ToString(value < 100 ? "0.0" : "0", CultureInfo.InvariantCulture);
}

/// <summary>The same bicubic resize without PIL's rounding, in the simplest form: planes of float32, first along rows, then along columns.</summary>
internal static class FloatBicubic
{
    /// <summary>Planes [3, side, side] of a square image's shorter side resized to <paramref name="side"/>.</summary>
    public static float[] Resize(RgbImage image, int side)
    {
        var (columns, rows) = (new ResampleWeights(image.Width, side, 0, side, PilFilter.Bicubic), new ResampleWeights(image.Height, side, 0, side, PilFilter.Bicubic));
        var planes = new float[3 * side * side];
        var (line, between) = (new float[image.Width], new float[image.Height * side]);
        var (across, down) = (Floats(columns), Floats(rows));
        for (var channel = 0; channel < 3; channel++)
        {
            for (var y = 0; y < image.Height; y++)
            {
                for (var x = 0; x < line.Length; x++) line[x] = image.Pixels[(3 * ((y * image.Width) + x)) + channel];
                for (var x = 0; x < side; x++)
                {
                    var taps = across.AsSpan(x * columns.Taps, columns.Used[x]);
                    between[(y * side) + x] = TensorPrimitives.Dot(taps, line.AsSpan(columns.First[x], taps.Length));
                }
            }

            for (var y = 0; y < side; y++)
            {
                var row = planes.AsSpan(((channel * side) + y) * side, side);
                for (var t = 0; t < rows.Used[y]; t++)
                    TensorPrimitives.MultiplyAdd(between.AsSpan((rows.First[y] + t) * side, side), down[(y * rows.Taps) + t], row, row);
            }
        }

        return planes;
    }

    private static float[] Floats(ResampleWeights weights) => Array.ConvertAll(weights.Values, value => value / (float)(1 << ResampleWeights.Bits));
}
