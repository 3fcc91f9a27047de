using System.Globalization;
using Microsoft.ML.OnnxRuntime;
using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Onnx;
using Sana.GraphBuilder.Safetensors;
using Sana.Inference.Runtime;

namespace Sana.Benchmarks;

/// <summary>Compares a whole step of a guided image (two samples) with the matrix products of the same shapes and weights alone.</summary>
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
        var weightsOnly = group.Load(MatrixProducts.Build(group.Config, group.Weights, attention: false));
        var all = group.Load(MatrixProducts.Build(group.Config, group.Weights, attention: true));

        Markdown.Text(
            $"{Layers} blocks of Sana-0.6B, {Samples} samples, {TextTokens} text tokens. Time of the step relative to its matrix products alone: "
            + "to all of them, and to those with weights, without those inside attention.");
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

/// <summary>A graph of only the matrix products of a step: no norms, no activations, no depthwise convolution, no change of layout.</summary>
internal sealed class MatrixProducts(Graph g, SanaTransformerConfig config)
{
    /// <param name="config">The config of the transformer.</param>
    /// <param name="weights">The weights of the transformer.</param>
    /// <param name="attention">Whether to include the products inside the attentions.</param>
    public static Graph Build(SanaTransformerConfig config, SafetensorsWeights weights, bool attention)
    {
        var g = new Graph("matrix_products", weights);
        var (batch, tokens, text) = (Dim.Symbolic("batch"), Dim.Symbolic("tokens"), Dim.Symbolic("text_tokens"));
        var x = g.Input("x", ElementType.Float, batch * tokens, config.Width);
        var hidden = g.Input("hidden", ElementType.Float, batch * tokens, config.FeedForwardWidth);
        var products = new MatrixProducts(g, config);
        for (var i = 0; i < config.NumLayers; i++)
        {
            x = products.WithWeights(x, hidden, $"transformer_blocks.{i}");
        }

        g.Output("y", x);
        if (attention)
        {
            long own = config.NumAttentionHeads, size = config.AttentionHeadDim, cross = config.NumCrossAttentionHeads, wide = config.CrossAttentionHeadDim;
            products.InAttention(
                g.Input("q", ElementType.Float, batch, own, tokens, size),
                g.Input("k", ElementType.Float, batch, own, size, tokens),
                g.Input("cross_q", ElementType.Float, batch, cross, tokens, wide),
                g.Input("cross_k", ElementType.Float, batch, cross, wide, text),
                g.Input("cross_v", ElementType.Float, batch, cross, text, wide));
        }

        return g;
    }

    // Products are chained where the widths allow it. The other results are outputs, because the runtime removes unused nodes.
    private Value WithWeights(Value x, Value hidden, string path)
    {
        g.Path = path;
        foreach (var name in new[] { "attn1.to_q", "attn1.to_k", "attn1.to_v", "attn1.to_out.0", "attn2.to_q", "attn2.to_out.0" })
        {
            x = Product(x, $"{path}.{name}.weight");
        }

        g.Output($"{path}.ff", Product(x, $"{path}.ff.conv_inverted.weight"));
        return Product(hidden, $"{path}.ff.conv_point.weight");
    }

    private void InAttention(Value q, Value k, Value crossQ, Value crossK, Value crossV)
    {
        var (mixed, crossed) = (q, crossQ);
        for (var i = 0; i < config.NumLayers; i++)
        {
            g.Path = $"attention.{i}";
            mixed = g.MatMul(mixed, g.MatMul(k, mixed)); // the values are as large as the queries
            crossed = g.MatMul(g.MatMul(crossed, crossK), crossV);
        }

        g.Output("mixed", mixed);
        g.Output("crossed", crossed);
    }

    private Value Product(Value x, string name)
    {
        var weight = g.Weight(name); // [out, in], or [out, in, 1, 1] of a convolution over single pixels
        weight = weight.Rank == 2 ? weight : g.Reshape(weight, weight[0], weight[1]);
        return g.Node("Gemm", [x, weight], ElementType.Float, [x[0], weight[0]], ("transB", 1L));
    }
}
