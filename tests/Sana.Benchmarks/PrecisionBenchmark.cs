using System.Globalization;
using System.Text.Json;
using Sana.GraphBuilder.Onnx;
using Sana.Tests.Support;

namespace Sana.Benchmarks;

/// <summary>Compares a whole step of a guided image (two samples) in float32 and in eight bits, and both with the matrix products of float32 alone, alternating in one process.</summary>
internal static class PrecisionBenchmark
{
    private const int Samples = 2;
    private const int TextTokens = 40;

    private const string Help = """
        precision [--layers 4] [--tokens 256,1024,4096] [--rounds 5] [--threads 0] [--profile no]
          --layers     blocks of Sana-0.6B, 1…28
          --tokens     squares; 256 are 512 pixels, 1024 are 1,024, 4096 are 2,048
          --rounds     1…1000
          --threads    0…64; 0 takes every core. On a busy machine ratios of one thread are the steadier ones
          --profile    yes: the share of each operator too
        """;

    public static void Run(int rounds) => Run(rounds, layers: 4, threads: 0, [256, 1_024, 4_096]);

    public static int Run(string[] arguments)
    {
        var options = arguments.Chunk(2).Where(pair => pair.Length == 2).ToDictionary(pair => pair[0], pair => pair[1]);
        int[]? tokens = [.. options.GetValueOrDefault("--tokens", "256,1024,4096").Split(',').Select(text => int.TryParse(text, out var count) ? count : 0)];
        if (options.Count * 2 != arguments.Length || options.Keys.Except(["--layers", "--tokens", "--rounds", "--threads", "--profile"]).Any()
            || !int.TryParse(options.GetValueOrDefault("--layers", "4"), out var layers) || layers is < 1 or > 28
            || !int.TryParse(options.GetValueOrDefault("--rounds", "5"), out var rounds) || rounds is < 1 or > 1000
            || !int.TryParse(options.GetValueOrDefault("--threads", "0"), out var threads) || threads is < 0 or > 64
            || Array.Exists(tokens, count => count < 1 || (int)Math.Sqrt(count) * (int)Math.Sqrt(count) != count))
        {
            Console.Error.WriteLine(Help);
            return 2;
        }

        Run(rounds, layers, threads, tokens);
        if (options.GetValueOrDefault("--profile") == "yes")
            Profile(layers, threads, tokens);
        return 0;
    }

    private static void Run(int rounds, int layers, int threads, int[] tokens)
    {
        using var group = new BlockGroup(layers, threads);
        var (float32, eightBits) = (group.LoadTransformer(), group.LoadTransformer(Arithmetic.W8A8));
        var products = group.Load(MatrixProducts.Build(group.Config, group.Weights, attention: false));
        using var conditioning = float32.Condition(group.Embeddings(Samples, TextTokens));

        Markdown.Text($"{layers} blocks of Sana-0.6B, {Samples} samples, {TextTokens} text tokens, {(threads == 0 ? Environment.ProcessorCount : threads)} threads; {Machine.Describe()}. How many times as fast as float32:");
        Markdown.Table(
            ["tokens", "w8a8", "products of float32 alone", "float32, ms", "w8a8, ms"],
            tokens.Select(count =>
            {
                var latents = group.Latents(Samples, count);
                using var x = BlockGroup.Random(Samples * count, group.Config.Width).ToOrtValue();
                using var hidden = BlockGroup.Random(Samples * count, group.Config.FeedForwardWidth).ToOrtValue();
                var race = Race.Run(rounds,
                [
                    () => float32.Evaluate(conditioning, latents, 500, 0),
                    () => eightBits.Evaluate(conditioning, latents, 500, 0),
                    () => BlockGroup.Run(products, ("x", x), ("hidden", hidden)),
                ]);
                return (string[])
                [
                    count.ToString("N0", CultureInfo.InvariantCulture), Times(race.Ratio(0, 1)), Times(race.Ratio(0, 2)),
                    (1000 * race.Seconds(0)).ToString("N0", CultureInfo.InvariantCulture),
                    (1000 * race.Seconds(1)).ToString("N0", CultureInfo.InvariantCulture),
                ];
            }));
    }

    // Where the time of a step goes: the share of each operator, as ONNX Runtime's own profile has it.
    private static void Profile(int layers, int threads, int[] tokens)
    {
        foreach (var (name, arithmetic) in new[] { ("float32", Arithmetic.Float32), ("w8a8", Arithmetic.W8A8) })
        {
            foreach (var count in tokens)
            {
                using var folder = new TempFolder();
                var group = new BlockGroup(layers, threads);
                var transformer = group.LoadTransformer(arithmetic, folder.File("profile"));
                using (var conditioning = transformer.Condition(group.Embeddings(Samples, TextTokens)))
                {
                    for (var i = 0; i < 6; i++)
                        transformer.Evaluate(conditioning, group.Latents(Samples, count), 500, 0);
                }

                group.Dispose(); // writes the profile
                using var json = JsonDocument.Parse(File.ReadAllText(Directory.EnumerateFiles(folder.Path).Single()));
                var nodes = json.RootElement.EnumerateArray().Where(entry => entry.GetProperty("cat").GetString() == "Node").ToArray();
                var sum = nodes.Sum(node => node.GetProperty("dur").GetDouble());
                Markdown.Text($"{name}, {count} tokens: " + string.Join(", ", nodes
                    .GroupBy(node => node.GetProperty("args").GetProperty("op_name").GetString()!)
                    .Select(op => (Op: op.Key, Share: op.Sum(node => node.GetProperty("dur").GetDouble()) / sum)).OrderByDescending(op => op.Share).Take(12)
                    .Select(op => string.Create(CultureInfo.InvariantCulture, $"{op.Op} {op.Share:P0}"))));
            }
        }
    }

    private static string Times(Ratio ratio) => string.Create(CultureInfo.InvariantCulture, $"{ratio.Median:0.00} ×");
}
