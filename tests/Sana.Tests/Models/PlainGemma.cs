using Sana.Tests.Support;

namespace Sana.Tests.Models;

/// <summary>Gemma-2 written out token by token in doubles: no cache, no products of matrices, every sum in sight. Slow, and that is the point.</summary>
internal static class PlainGemma
{
    /// <summary>Hidden states after the final norm, one row a token.</summary>
    public static double[][] Encode(TinyGemma gemma, int[] ids)
    {
        var config = gemma.Config;
        var table = gemma["embed_tokens.weight"];
        var x = ids.Select(id => Enumerable.Range(0, config.HiddenSize).Select(i => table[(id * config.HiddenSize) + i] * Math.Sqrt(config.HiddenSize)).ToArray()).ToArray();
        for (var layer = 0; layer < config.NumHiddenLayers; layer++)
        {
            var path = $"layers.{layer}";
            var attended = Attention(gemma, Each(x, row => Norm(gemma, row, $"{path}.input_layernorm")), path, config.SlidingLayers[layer]);
            x = Add(x, Each(attended, row => Norm(gemma, row, $"{path}.post_attention_layernorm")));
            var mixed = Each(x, row => FeedForward(gemma, Norm(gemma, row, $"{path}.pre_feedforward_layernorm"), $"{path}.mlp"));
            x = Add(x, Each(mixed, row => Norm(gemma, row, $"{path}.post_feedforward_layernorm")));
        }

        return Each(x, row => Norm(gemma, row, "norm"));
    }

    private static double[][] Attention(TinyGemma gemma, double[][] x, string path, bool sliding)
    {
        var config = gemma.Config;
        var size = config.HeadDim;
        var q = Each(x, row => Linear(gemma, row, $"{path}.self_attn.q_proj"));
        var k = Each(x, row => Linear(gemma, row, $"{path}.self_attn.k_proj"));
        var v = Each(x, row => Linear(gemma, row, $"{path}.self_attn.v_proj"));
        return [.. x.Select((_, at) => Linear(gemma, At(at), $"{path}.self_attn.o_proj"))];

        double[] At(int query)
        {
            var output = new double[config.QueryWidth];
            for (var head = 0; head < config.NumAttentionHeads; head++)
            {
                var shared = head / (config.NumAttentionHeads / config.NumKeyValueHeads);
                var turned = Rotated(q[query].AsSpan(head * size, size), query, config.RopeTheta);
                var first = sliding ? Math.Max(0, query - config.SlidingWindow + 1) : 0;
                var scores = Enumerable.Range(first, query - first + 1).Select(key =>
                {
                    var score = Dot(turned, Rotated(k[key].AsSpan(shared * size, size), key, config.RopeTheta)) / Math.Sqrt(config.QueryPreAttnScalar);
                    return config.AttnLogitSoftcapping is { } cap ? cap * Math.Tanh(score / cap) : score;
                }).ToArray();
                var total = scores.Sum(Math.Exp);
                for (var i = 0; i < size; i++)
                {
                    output[(head * size) + i] = scores.Select((score, n) => Math.Exp(score) / total * v[first + n][(shared * size) + i]).Sum();
                }
            }

            return output;
        }
    }

    private static double[] FeedForward(TinyGemma gemma, double[] x, string path)
    {
        var (gate, up) = (Linear(gemma, x, $"{path}.gate_proj"), Linear(gemma, x, $"{path}.up_proj"));
        return Linear(gemma, [.. gate.Zip(up, (g, u) => 0.5 * g * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (g + (0.044715 * g * g * g)))) * u)], $"{path}.down_proj");
    }

    private static double[] Rotated(ReadOnlySpan<double> x, int position, double theta)
    {
        var half = x.Length / 2;
        var turned = new double[x.Length];
        for (var i = 0; i < half; i++)
        {
            var (sin, cos) = Math.SinCos(position / Math.Pow(theta, 2.0 * i / x.Length));
            turned[i] = (x[i] * cos) - (x[i + half] * sin);
            turned[i + half] = (x[i + half] * cos) + (x[i] * sin);
        }

        return turned;
    }

    private static double[] Norm(TinyGemma gemma, double[] x, string path)
    {
        var scale = gemma[$"{path}.weight"];
        var length = Math.Sqrt(x.Average(value => value * value) + gemma.Config.RmsNormEps);
        return [.. x.Select((value, i) => value / length * (1 + scale[i]))];
    }

    private static double[] Linear(TinyGemma gemma, double[] x, string path)
    {
        var weight = gemma[$"{path}.weight"];
        return [.. Enumerable.Range(0, weight.Length / x.Length).Select(row => Dot(weight.AsSpan(row * x.Length, x.Length).ToArray(), x))];
    }

    private static double Dot(double[] a, double[] b) => a.Zip(b, (x, y) => x * y).Sum();

    private static double[][] Each(double[][] rows, Func<double[], double[]> map) => [.. rows.Select(map)];

    private static double[][] Add(double[][] a, double[][] b) => [.. a.Zip(b, (x, y) => x.Zip(y, (p, q) => p + q).ToArray())];
}
