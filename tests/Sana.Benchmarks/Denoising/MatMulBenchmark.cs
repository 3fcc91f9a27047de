using System.Globalization;
using Microsoft.ML.OnnxRuntime;
using Sana.Benchmarks.Measuring;
using Sana.Inference.Runtime;

namespace Sana.Benchmarks.Denoising;

/// <summary>A whole step of a guided image (two samples) against ONNX Runtime's products of the same shapes with the same weights: what all the rest of the network costs.</summary>
internal static class MatMulBenchmark
{
    private const int Layers = 4;
    private const int Samples = 2;
    private const int TextTokens = 40;
    private static readonly int[] Tokens = [256, 1_024];

    public static void Run(int rounds)
    {
        using var group = new BlockGroup(Layers);
        var transformer = group.LoadTransformer();
        using var conditioning = transformer.Condition(group.Embeddings(Samples, TextTokens));
        var weightsOnly = group.Load(BareProducts.Build(group.Config, group.Weights, attention: false));
        var all = group.Load(BareProducts.Build(group.Config, group.Weights, attention: true));

        Markdown.Text(
            $"{Layers} blocks of Sana-0.6B, {Samples} samples, {TextTokens} text tokens. Time of the step relative to bare products: "
            + "of every pair that the step multiplies, attention's included, and of those with weights alone.");
        Markdown.Table(
            ["tokens", "step / all products", "step / products with weights", "step, ms", "GFLOP/s of the products"],
            Tokens.Select(tokens =>
            {
                var latents = group.Latents(Samples, tokens);
                using var inputs = new Inputs(group, tokens);
                var race = Race.Run(rounds,
                [
                    () => transformer.Evaluate(conditioning, latents, 500, 0),
                    () => BlockGroup.Run(all, [.. inputs.WithWeights, .. inputs.InAttention]),
                    () => BlockGroup.Run(weightsOnly, inputs.WithWeights),
                ]);
                return (string[])
                [
                    tokens.ToString("N0", CultureInfo.InvariantCulture), $"{race.Ratio(0, 1)}", $"{race.Ratio(0, 2)}",
                    (1000 * race.Seconds(0)).ToString("N0", CultureInfo.InvariantCulture),
                    (Work(group, tokens) / race.Seconds(2) / 1e9).ToString("N0", CultureInfo.InvariantCulture),
                ];
            }));
    }

    // Floating-point operations of the products with weights.
    private static double Work(BlockGroup group, int tokens)
    {
        double width = group.Config.Width, hidden = group.Config.FeedForwardWidth;
        return 2.0 * Samples * tokens * Layers * ((6 * width * width) + (3 * hidden * width));
    }

    private sealed class Inputs(BlockGroup group, int tokens) : IDisposable
    {
        private readonly Dictionary<string, OrtValue> _values = new Dictionary<string, FloatTensor>
        {
            ["x"] = BlockGroup.Random(Samples * tokens, group.Config.Width),
            ["hidden"] = BlockGroup.Random(Samples * tokens, group.Config.FeedForwardWidth),
            ["q"] = BlockGroup.Random(Samples, group.Config.NumAttentionHeads, tokens, group.Config.AttentionHeadDim),
            ["k"] = BlockGroup.Random(Samples, group.Config.NumAttentionHeads, group.Config.AttentionHeadDim, tokens),
            ["cross_q"] = BlockGroup.Random(Samples, group.Config.NumCrossAttentionHeads, tokens, group.Config.CrossAttentionHeadDim),
            ["cross_k"] = BlockGroup.Random(Samples, group.Config.NumCrossAttentionHeads, group.Config.CrossAttentionHeadDim, TextTokens),
            ["cross_v"] = BlockGroup.Random(Samples, group.Config.NumCrossAttentionHeads, TextTokens, group.Config.CrossAttentionHeadDim),
        }.ToDictionary(input => input.Key, input => input.Value.ToOrtValue());

        public (string, OrtValue)[] WithWeights => Some("x", "hidden");

        public (string, OrtValue)[] InAttention => Some("q", "k", "cross_q", "cross_k", "cross_v");

        public void Dispose()
        {
            foreach (var value in _values.Values)
            {
                value.Dispose();
            }
        }

        private (string, OrtValue)[] Some(params string[] names) => [.. names.Select(name => (name, _values[name]))];
    }
}
