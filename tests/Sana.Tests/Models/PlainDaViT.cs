using Sana.GraphBuilder.Configs;

namespace Sana.Tests.Models;

/// <summary>DaViT written out place by place in doubles: windows are cut from a map that is filled up with zeros, and every place of a window is a place like any other. Slow, and that is the point.</summary>
/// <param name="config">Of the network.</param>
/// <param name="tensor">Its weights by their names.</param>
internal sealed class PlainDaViT(DaVitConfig config, Func<string, double[]> tensor)
{
    private const double Epsilon = 1e-5;

    /// <summary>An image [3][h, w] to the map of the last stage, [c][h, w].</summary>
    public double[][,] Encode(double[][,] pixels)
    {
        var x = pixels;
        for (var i = 0; i < config.Stages.Length; i++)
        {
            var stage = config.Stages[i];
            var path = $"model.vision_tower.convs.{i}";
            x = stage.PatchPrenorm ? Normed(x, $"{path}.norm") : x;
            x = Conv(x, $"{path}.conv", stage.PatchStride, stage.PatchPadding);
            x = stage.PatchPrenorm ? x : Normed(x, $"{path}.norm");
            for (var j = 0; j < stage.Depth; j++)
            {
                var block = $"model.vision_tower.blocks.{i}.{j}";
                x = Block(x, $"{block}.spatial_block", (y, at) => InWindows(y, stage.NumHeads, $"{at}.window_attn"));
                x = Block(x, $"{block}.channel_block", (y, at) => BetweenChannels(y, stage.NumGroups, $"{at}.channel_attn"));
            }
        }

        return x;
    }

    private double[][,] Block(double[][,] x, string path, Func<double[][,], string, double[][,]> attention)
    {
        x = Add(x, Depthwise(x, $"{path}.conv1"));
        x = Add(x, attention(Normed(x, $"{path}.norm1"), path));
        x = Add(x, Depthwise(x, $"{path}.conv2"));
        return Add(x, Each(Normed(x, $"{path}.norm2"), row => Linear([.. Linear(row, $"{path}.ffn.fc1").Select(PlainCaptioner.Gelu)], $"{path}.ffn.fc2")));
    }

    private double[][,] InWindows(double[][,] x, int heads, string path)
    {
        var (side, height, width) = (config.WindowSize, x[0].GetLength(0), x[0].GetLength(1));
        var result = Map(x.Length, height, width);
        for (var top = 0; top < height; top += side)
        {
            for (var left = 0; left < width; left += side)
            {
                (int Y, int X)[] places = [.. from y in Enumerable.Range(top, side) from z in Enumerable.Range(left, side) select (y, z)];
                double[][] inside = [.. places.Select(place => Linear(place.Y < height && place.X < width ? At(x, place.Y, place.X) : new double[x.Length], $"{path}.qkv"))];
                var mixed = PlainCaptioner.Attend(Part(inside, 0), Part(inside, 1), Part(inside, 2), heads, causal: false);
                for (var i = 0; i < places.Length; i++)
                {
                    if (places[i].Y < height && places[i].X < width)
                        Put(result, places[i].Y, places[i].X, Linear(mixed[i], $"{path}.proj"));
                }
            }
        }

        return result;
    }

    // Within a group each channel is a mixture of the values of its channels, by how alike its queries and their keys are over all places.
    private double[][,] BetweenChannels(double[][,] x, int groups, string path)
    {
        var (height, width, size) = (x[0].GetLength(0), x[0].GetLength(1), x.Length / groups);
        double[][] places = [.. from y in Enumerable.Range(0, height) from z in Enumerable.Range(0, width) select Linear(At(x, y, z), $"{path}.qkv")];
        var (q, k, v) = (Part(places, 0), Part(places, 1), Part(places, 2));
        var mixed = Array.ConvertAll(places, _ => new double[x.Length]);
        for (var channel = 0; channel < x.Length; channel++)
        {
            var from = channel / size * size;
            var scores = Enumerable.Range(from, size).Select(other => q.Zip(k, (a, b) => a[channel] * b[other]).Sum() / Math.Sqrt(places.Length)).ToArray();
            var total = scores.Sum(score => Math.Exp(score - scores.Max()));
            for (var n = 0; n < places.Length; n++)
                mixed[n][channel] = scores.Select((score, i) => Math.Exp(score - scores.Max()) / total * v[n][from + i]).Sum();
        }

        var result = Map(x.Length, height, width);
        for (var n = 0; n < places.Length; n++)
            Put(result, n / width, n % width, Linear(mixed[n], $"{path}.proj"));
        return result;
    }

    private double[][,] Conv(double[][,] x, string path, int stride, int padding)
    {
        var (weight, bias) = (tensor($"{path}.weight"), tensor($"{path}.bias"));
        var kernel = (int)Math.Round(Math.Sqrt(weight.Length / (double)(bias.Length * x.Length)));
        var result = Map(bias.Length, Side(x[0].GetLength(0)), Side(x[0].GetLength(1)));
        for (var o = 0; o < bias.Length; o++)
            Slide(result[o], bias[o], Enumerable.Range(0, x.Length).Select(c => (x[c], (o * x.Length) + c)));
        return result;

        int Side(int side) => ((side + (2 * padding) - kernel) / stride) + 1;

        void Slide(double[,] to, double shift, IEnumerable<(double[,] From, int Kernel)> channels) => Sum(to, shift, channels, weight, kernel, stride, padding);
    }

    private double[][,] Depthwise(double[][,] x, string path)
    {
        var (weight, bias) = (tensor($"{path}.weight"), tensor($"{path}.bias"));
        var result = Map(x.Length, x[0].GetLength(0), x[0].GetLength(1));
        for (var c = 0; c < x.Length; c++)
            Sum(result[c], bias[c], [(x[c], c)], weight, kernel: 3, stride: 1, padding: 1);
        return result;
    }

    private static void Sum(double[,] to, double shift, IEnumerable<(double[,] From, int Kernel)> channels, double[] weight, int kernel, int stride, int padding)
    {
        for (var y = 0; y < to.GetLength(0); y++)
        {
            for (var x = 0; x < to.GetLength(1); x++)
            {
                to[y, x] = shift;
                foreach (var (from, at) in channels)
                {
                    for (var i = 0; i < kernel * kernel; i++)
                    {
                        var (row, column) = ((y * stride) + (i / kernel) - padding, (x * stride) + (i % kernel) - padding);
                        if (row >= 0 && row < from.GetLength(0) && column >= 0 && column < from.GetLength(1))
                            to[y, x] += from[row, column] * weight[(at * kernel * kernel) + i];
                    }
                }
            }
        }
    }

    private double[][,] Normed(double[][,] x, string path)
    {
        var (weight, bias) = (tensor($"{path}.weight"), tensor($"{path}.bias"));
        return Each(x, row =>
        {
            var mean = row.Average();
            var deviation = Math.Sqrt(row.Average(value => (value - mean) * (value - mean)) + Epsilon);
            return [.. row.Select((value, i) => ((value - mean) / deviation * weight[i]) + bias[i])];
        });
    }

    // [out, in]
    private double[] Linear(double[] x, string path)
    {
        var weight = tensor($"{path}.weight");
        return [.. tensor($"{path}.bias").Select((shift, o) => shift + x.Select((value, i) => value * weight[(o * x.Length) + i]).Sum())];
    }

    private static double[][] Part(double[][] rows, int part) => Array.ConvertAll(rows, row => row[(part * row.Length / 3)..((part + 1) * row.Length / 3)]);

    private static double[][,] Each(double[][,] x, Func<double[], double[]> map)
    {
        var result = Map(x.Length, x[0].GetLength(0), x[0].GetLength(1));
        for (var y = 0; y < x[0].GetLength(0); y++)
        {
            for (var z = 0; z < x[0].GetLength(1); z++)
                Put(result, y, z, map(At(x, y, z)));
        }

        return result;
    }

    private static double[][,] Add(double[][,] a, double[][,] b)
    {
        var result = Map(a.Length, a[0].GetLength(0), a[0].GetLength(1));
        for (var y = 0; y < a[0].GetLength(0); y++)
        {
            for (var x = 0; x < a[0].GetLength(1); x++)
                Put(result, y, x, [.. At(a, y, x).Zip(At(b, y, x), (one, other) => one + other)]);
        }

        return result;
    }

    private static double[] At(double[][,] map, int y, int x) => Array.ConvertAll(map, channel => channel[y, x]);

    private static void Put(double[][,] map, int y, int x, double[] row)
    {
        for (var c = 0; c < row.Length; c++)
            map[c][y, x] = row[c];
    }

    private static double[][,] Map(int channels, int height, int width) => [.. Enumerable.Range(0, channels).Select(_ => new double[height, width])];
}
