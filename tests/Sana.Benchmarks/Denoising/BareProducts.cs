using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Onnx;
using Sana.GraphBuilder.Safetensors;

namespace Sana.Benchmarks.Denoising;

/// <summary>The matrix products of a step and nothing else: no norms, no activations, no depthwise convolution, no change of layout.</summary>
internal sealed class BareProducts(Graph g, SanaTransformerConfig config)
{
    /// <param name="config">Of the transformer.</param>
    /// <param name="weights">The same weights.</param>
    /// <param name="attention">Whether the products inside the attentions count, or those with weights alone.</param>
    public static Graph Build(SanaTransformerConfig config, SafetensorsWeights weights, bool attention)
    {
        var g = new Graph("bare_products", weights);
        var (batch, tokens, text) = (Dim.Symbolic("batch"), Dim.Symbolic("tokens"), Dim.Symbolic("text_tokens"));
        var x = g.Input("x", ElementType.Float, batch * tokens, config.Width);
        var hidden = g.Input("hidden", ElementType.Float, batch * tokens, config.FeedForwardWidth);
        var products = new BareProducts(g, config);
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

    // One after the other where the widths allow it; what leads nowhere is an output, or the runtime would drop it.
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
