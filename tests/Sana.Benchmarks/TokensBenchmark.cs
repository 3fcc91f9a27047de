using System.Globalization;
using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Onnx;
using Sana.GraphBuilder.Safetensors;

namespace Sana.Benchmarks;

/// <summary>
/// One step at four image sizes, with linear attention and with softmax attention.
/// The time of the first grows with the number of tokens, that of the second with its square.
/// </summary>
internal static class TokensBenchmark
{
    private const int Layers = 2;
    private const int TextTokens = 40;
    private const long MaxScoreBytes = 6L << 30;
    private static readonly int[] Tokens = [256, 1_024, 4_096, 16_384];

    public static void Run(int rounds)
    {
        using var group = new BlockGroup(Layers);
        var transformer = group.LoadTransformer();
        using var conditioning = transformer.Condition(group.Embeddings(1, TextTokens));
        var softmax = group.Load(SoftmaxBlocks.Build(group.Config, group.Weights));
        using var caption = BlockGroup.Random(1, TextTokens, group.Config.Width).ToOrtValue();

        var fit = Tokens.Where(tokens => SoftmaxBlocks.ScoreBytes(group.Config, tokens) <= MaxScoreBytes).ToArray();
        Action[] linear = [.. Tokens.Select(tokens => group.Latents(1, tokens)).Select(latents => (Action)(() => transformer.Evaluate(conditioning, latents, 500, 0)))];
        Action[] quadratic = [.. fit.Select(tokens => group.Latents(1, tokens)).Select(latents => (Action)(() =>
        {
            using var input = latents.ToOrtValue();
            BlockGroup.Run(softmax, ("hidden_states", input), ("caption", caption));
        }))];
        var race = Race.Run(rounds, [.. linear, .. quadratic]);

        Markdown.Text($"{Layers} blocks of Sana-0.6B, one image, {TextTokens} text tokens. Time of one token, relative to the same network at {Tokens[0]} tokens.");
        Markdown.Table(
            ["tokens", "image", "linear attention", "ms", "softmax attention", "ms"],
            Tokens.Select((tokens, i) => (string[])
            [
                tokens.ToString("N0", CultureInfo.InvariantCulture),
                $"{32 * (int)Math.Sqrt(tokens)} px",
                .. Cells(race, i, 0, tokens),
                .. i < fit.Length ? Cells(race, Tokens.Length + i, Tokens.Length, tokens) : [$"skipped: {SoftmaxBlocks.ScoreBytes(group.Config, tokens) >> 30} GB of scores", ""],
            ]));
    }

    private static string[] Cells(Race race, int entrant, int first, int tokens) =>
        [$"{race.Ratio(entrant, first, (double)tokens / Tokens[0])}", (1000 * race.Seconds(entrant)).ToString("N0", CultureInfo.InvariantCulture)];
}

/// <summary>
/// The blocks of <see cref="GraphBuilder.Models.SanaTransformerGraph"/> with softmax attention over all tokens in place of linear attention, with the heads of the
/// cross-attention (16 of 72), as is usual at this width.
/// The caption is an input and there is no time embedding, because their cost does not grow with the tokens.
/// </summary>
internal sealed class SoftmaxBlocks(Graph g, SanaTransformerConfig config)
{
    private const float Epsilon = 1e-6f;

    public static Graph Build(SanaTransformerConfig config, SafetensorsWeights weights)
    {
        var g = new Graph("softmax_blocks", weights);
        var latents = g.Input("hidden_states", ElementType.Float, Dim.Symbolic("batch"), config.InChannels, Dim.Symbolic("height"), Dim.Symbolic("width"));
        var caption = g.Input("caption", ElementType.Float, Dim.Symbolic("batch"), Dim.Symbolic("text_tokens"), config.Width);
        g.Output("out_hidden_states", new SoftmaxBlocks(g, config).Denoise(latents, caption));
        return g;
    }

    /// <summary>Bytes of one block's attention scores and of their softmax. They limit the number of tokens.</summary>
    public static long ScoreBytes(SanaTransformerConfig config, long tokens) => 2L * sizeof(float) * config.NumCrossAttentionHeads * tokens * tokens;

    private Value Denoise(Value latents, Value caption)
    {
        var (batch, height, width) = (latents[0], latents[2], latents[3]);
        var x = ToTokens(g.Conv(latents, "patch_embed.proj")); // [b, n, d]
        for (var i = 0; i < config.NumLayers; i++)
        {
            x = Block(x, caption, height, width, $"transformer_blocks.{i}");
        }

        x = g.Linear(g.LayerNorm(x, Epsilon), "proj_out");
        return g.Reshape(g.Transpose(x, 0, 2, 1), batch, latents[1], height, width);
    }

    private Value Block(Value x, Value caption, Dim height, Dim width, string path)
    {
        g.Path = path;
        var m = g.Split(g.Reshape(g.Weight($"{path}.scale_shift_table"), 1, 6, config.Width), 1, 6); // 6 × [1, 1, d]
        var own = Modulate(x, m[0], m[1]);
        x = g.Add(x, g.Mul(m[2], Attention(own, own, $"{path}.attn1", bias: false)));
        x = g.Add(x, Attention(x, caption, $"{path}.attn2", bias: true));
        return g.Add(x, g.Mul(m[5], MixFeedForward(Modulate(x, m[3], m[4]), height, width, $"{path}.ff")));
    }

    private Value Attention(Value x, Value other, string path, bool bias)
    {
        g.Path = path;
        var size = config.CrossAttentionHeadDim;
        var q = Heads(g.Linear(x, $"{path}.to_q", bias), 0, 2, 1, 3); // [b, heads, n, size]
        var k = Heads(g.Mul(g.Linear(other, $"{path}.to_k", bias), g.Scalar(1 / MathF.Sqrt(size), ElementType.Float)), 0, 2, 3, 1);
        var v = Heads(g.Linear(other, $"{path}.to_v", bias), 0, 2, 1, 3);
        var mixed = g.MatMul(g.Softmax(g.MatMul(q, k)), v); // [b, heads, n, size]
        mixed = g.Reshape(g.Transpose(mixed, 0, 2, 1, 3), x.Shape);
        return g.Linear(mixed, $"{path}.to_out.0");
    }

    private Value MixFeedForward(Value x, Dim height, Dim width, string path)
    {
        g.Path = path;
        x = g.Reshape(g.Transpose(x, 0, 2, 1), x[0], config.Width, height, width);
        x = g.Silu(g.Conv(x, $"{path}.conv_inverted")); // [b, 2·hidden, h, w]
        var parts = g.Split(g.Conv(x, $"{path}.conv_depth", groups: x[1].Factor), 1, 2);
        return ToTokens(g.Conv(g.Mul(parts[0], g.Silu(parts[1])), $"{path}.conv_point", bias: false));
    }

    private Value Modulate(Value x, Value shift, Value scale) => g.Add(g.Mul(g.LayerNorm(x, Epsilon), g.Add(scale, g.Scalar(1, ElementType.Float))), shift);

    private Value Heads(Value x, params long[] order) =>
        g.Transpose(g.Reshape(x, x[0], x[1], config.NumCrossAttentionHeads, config.CrossAttentionHeadDim), order);

    // [b, d, h, w] -> [b, n, d]
    private Value ToTokens(Value x) => g.Transpose(g.Reshape(x, x[0], config.Width, x[2] * x[3]), 0, 2, 1);
}
