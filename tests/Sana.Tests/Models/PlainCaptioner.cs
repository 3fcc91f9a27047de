using Sana.Inference.Imaging;
using Sana.Tests.Support;

namespace Sana.Tests.Models;

/// <summary>ViT and GPT-2 with cross attention written out token by token in doubles: no cache, no graph, every sum in sight; everything is computed again for each token. Slow, and that is the point.</summary>
internal sealed class PlainCaptioner(TinyCaptioner tiny)
{
    /// <summary>The likeliest token each time, until the end token or as many as asked for.</summary>
    public List<int> Greedy(RgbImage image, int count)
    {
        var states = States(image);
        List<int> ids = [];
        while (ids.Count < count)
        {
            var logits = Logits(states, [TinyCaptioner.EndId, .. ids]);
            var next = Array.IndexOf(logits, logits.Max());
            if (next == TinyCaptioner.EndId) break;
            ids.Add(next);
        }

        return ids;
    }

    /// <summary>Logits of the token after these, the start token first among them.</summary>
    public double[] Logits(double[][] states, int[] ids)
    {
        const string path = "decoder.transformer";
        var config = tiny.Loaded.Decoder;
        var (embedding, positions) = (tiny[$"{tiny.Tables.Embedding}.weight"], tiny[$"{path}.wpe.weight"]);
        var x = ids.Select((id, at) => Add(Row(embedding, id, config.NEmbd), Row(positions, at, config.NEmbd))).ToArray();
        for (var i = 0; i < config.NLayer; i++)
        {
            var block = $"{path}.h.{i}";
            var inside = Each(x, row => Turned(Norm(row, $"{block}.ln_1", config.LayerNormEpsilon), $"{block}.attn.c_attn"));
            var (q, k, v) = (Part(inside, 0, 3), Part(inside, 1, 3), Part(inside, 2, 3));
            x = Add(x, Each(Attend(q, k, v, config.NHead, causal: true), row => Turned(row, $"{block}.attn.c_proj")));

            var queries = Each(x, row => Turned(Norm(row, $"{block}.ln_cross_attn", config.LayerNormEpsilon), $"{block}.crossattention.q_attn"));
            var seen = Each(states, row => Turned(row, $"{block}.crossattention.c_attn"));
            x = Add(x, Each(Attend(queries, Part(seen, 0, 2), Part(seen, 1, 2), config.NHead, causal: false), row => Turned(row, $"{block}.crossattention.c_proj")));

            var activation = config.ActivationFunction == "gelu" ? (Func<double, double>)Gelu : GeluNew;
            x = Add(x, Each(x, row => Turned(Map(Turned(Norm(row, $"{block}.ln_2", config.LayerNormEpsilon), $"{block}.mlp.c_fc"), activation), $"{block}.mlp.c_proj")));
        }

        var last = Norm(x[^1], $"{path}.ln_f", config.LayerNormEpsilon);
        var head = tiny[$"{tiny.Tables.Head}.weight"];
        return [.. Enumerable.Range(0, config.VocabSize).Select(id => Dot(Row(head, id, config.NEmbd), last))];
    }

    /// <summary>What cross attention sees of an image that has the encoder's size.</summary>
    public double[][] States(RgbImage image)
    {
        var config = tiny.Loaded.Encoder;
        var (d, patch, side, across) = (config.HiddenSize, config.PatchSize, config.ImageSize, config.ImageSize / config.PatchSize);
        var (kernel, bias, place) = (tiny["encoder.embeddings.patch_embeddings.projection.weight"], tiny["encoder.embeddings.patch_embeddings.projection.bias"], tiny["encoder.embeddings.position_embeddings"]);
        double[][] x = [tiny["encoder.embeddings.cls_token"], .. Enumerable.Range(0, across * across).Select(n => Enumerable.Range(0, d).Select(o => bias[o] + Patch(n, o)).ToArray())];
        x = [.. x.Select((row, at) => Add(row, Row(place, at, d)))];
        for (var i = 0; i < config.NumHiddenLayers; i++)
        {
            var layer = $"encoder.encoder.layer.{i}";
            var normed = Each(x, row => Norm(row, $"{layer}.layernorm_before", config.LayerNormEps));
            var (q, k, v) = (Of("query"), Of("key"), Of("value"));
            x = Add(x, Each(Attend(q, k, v, config.NumAttentionHeads, causal: false), row => Linear(row, $"{layer}.attention.output.dense")));
            x = Add(x, Each(x, row => Linear(Map(Linear(Norm(row, $"{layer}.layernorm_after", config.LayerNormEps), $"{layer}.intermediate.dense"), Gelu), $"{layer}.output.dense")));

            double[][] Of(string what) => Each(normed, row => Linear(row, $"{layer}.attention.attention.{what}", config.QkvBias));
        }

        x = Each(x, row => Norm(row, "encoder.layernorm", config.LayerNormEps));
        return tiny.Loaded.Projects ? Each(x, row => Linear(row, "enc_to_dec_proj")) : x;

        double Patch(int n, int o)
        {
            var sum = 0.0;
            for (var c = 0; c < 3; c++)
            {
                for (var y = 0; y < patch; y++)
                {
                    for (var z = 0; z < patch; z++)
                    {
                        var level = image.Pixels[(3 * ((((n / across * patch) + y) * side) + (n % across * patch) + z)) + c];
                        sum += kernel[(((((o * 3) + c) * patch) + y) * patch) + z] * (((level / 255.0) - 0.5) / 0.5);
                    }
                }
            }

            return sum;
        }
    }

    internal static double[][] Attend(double[][] q, double[][] k, double[][] v, int heads, bool causal)
    {
        var size = q[0].Length / heads;
        return [.. q.Select((query, at) =>
        {
            var output = new double[query.Length];
            for (var head = 0; head < heads; head++)
            {
                var from = head * size;
                var scores = k.Take(causal ? at + 1 : k.Length).Select(key => Dot(query[from..(from + size)], key[from..(from + size)]) / Math.Sqrt(size)).ToArray();
                var highest = scores.Max();
                var total = scores.Sum(score => Math.Exp(score - highest));
                for (var i = 0; i < size; i++)
                {
                    output[from + i] = scores.Select((score, n) => Math.Exp(score - highest) / total * v[n][from + i]).Sum();
                }
            }

            return output;
        })];
    }

    private double[] Norm(double[] x, string path, double epsilon)
    {
        var (weight, bias) = (tiny[$"{path}.weight"], tiny[$"{path}.bias"]);
        var mean = x.Average();
        var deviation = Math.Sqrt(x.Average(value => (value - mean) * (value - mean)) + epsilon);
        return [.. x.Select((value, i) => ((value - mean) / deviation * weight[i]) + bias[i])];
    }

    // [out, in]
    private double[] Linear(double[] x, string path, bool biased = true)
    {
        var weight = tiny[$"{path}.weight"];
        var bias = biased ? tiny[$"{path}.bias"] : new double[weight.Length / x.Length];
        return [.. bias.Select((shift, o) => shift + Dot(Row(weight, o, x.Length), x))];
    }

    // [in, out]
    private double[] Turned(double[] x, string path)
    {
        var (weight, bias) = (tiny[$"{path}.weight"], tiny[$"{path}.bias"]);
        return [.. bias.Select((shift, o) => shift + x.Select((value, i) => value * weight[(i * bias.Length) + o]).Sum())];
    }

    private static double GeluNew(double x) => 0.5 * x * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + (0.044715 * x * x * x))));

    // x · Φ(x): the error function as its series, or as its continued fraction where that converges faster.
    internal static double Gelu(double x)
    {
        var z = Math.Abs(x) / Math.Sqrt(2);
        double erf;
        if (z < 3)
        {
            var (term, sum) = (z, z);
            for (var n = 1; n < 200; n++)
            {
                term *= -z * z / n;
                sum += term / ((2 * n) + 1);
            }

            erf = 2 / Math.Sqrt(Math.PI) * sum;
        }
        else
        {
            var fraction = 0.0;
            for (var n = 60; n > 0; n--) fraction = n / 2.0 / (z + fraction);
            erf = 1 - (Math.Exp(-z * z) / Math.Sqrt(Math.PI) / (z + fraction));
        }

        return 0.5 * x * (1 + (Math.Sign(x) * erf));
    }

    private static double[][] Part(double[][] rows, int part, int parts) => Each(rows, row => row[(part * row.Length / parts)..((part + 1) * row.Length / parts)]);

    private static double[] Row(double[] table, int row, int width) => table[(row * width)..((row + 1) * width)];

    private static double Dot(double[] a, double[] b) => a.Zip(b, (x, y) => x * y).Sum();

    private static double[] Map(double[] row, Func<double, double> map) => Array.ConvertAll(row, value => map(value));

    private static double[][] Each(double[][] rows, Func<double[], double[]> map) => [.. rows.Select(map)];

    private static double[] Add(double[] a, double[] b) => [.. a.Zip(b, (x, y) => x + y)];

    private static double[][] Add(double[][] a, double[][] b) => [.. a.Zip(b, Add)];
}
