using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Onnx;

namespace Sana.GraphBuilder.Models;

/// <summary>
/// The deep-compression autoencoder (DC-AE, arXiv:2410.10733; diffusers' AutoencoderDC). Every stage halves or doubles the sides;
/// it has residual blocks at high resolution and linear-attention blocks at low resolution.
/// </summary>
internal sealed class AutoencoderDCGraph(Graph g, AutoencoderDCConfig config)
{
    private const float NormEpsilon = 1e-5f;
    private const float AttentionEpsilon = 1e-15f;

    /// <summary>Image in −1…1 [b, 3, h, w] to latents [b, latent_channels, h / 32, w / 32], not scaled.</summary>
    public Value Encode(Value image)
    {
        var hasFirst = config.Encoder[0].Layers > 0; // else the first stage only halves the sides
        var x = hasFirst ? g.Conv(image, "encoder.conv_in") : g.Conv(image, "encoder.conv_in.conv", stride: 2); // [b, c0, h, w]
        for (var i = 0; i < config.Encoder.Length; i++)
        {
            var (stage, path) = (config.Encoder[i], $"encoder.down_blocks.{i}");
            for (var j = 0; j < stage.Layers; j++)
                x = Block(x, stage, $"{path}.{j}");

            var last = i == config.Encoder.Length - 1 || stage.Layers == 0;
            x = g.Module(path, last ? x : Down(x, config.Encoder[i + 1].Channels, $"{path}.{stage.Layers}")); // [b, c(i+1), h / 2, w / 2]
        }

        g.Path = "encoder.conv_out";
        var latent = g.Conv(x, "encoder.conv_out"); // [b, latent_channels, h / 32, w / 32]
        return config.EncoderOutShortcut ? g.Add(latent, GroupMean(x, config.LatentChannels)) : latent;
    }

    /// <summary>Latents [b, latent_channels, h, w], not scaled, to an image [b, 3, 32 · h, 32 · w] around −1…1.</summary>
    public Value Decode(Value latent)
    {
        g.Path = "decoder.conv_in";
        var x = g.Conv(latent, "decoder.conv_in"); // [b, c5, h, w]
        x = config.DecoderInShortcut ? g.Add(x, Repeat(latent, config.Decoder[^1].Channels)) : x;
        for (var i = config.Decoder.Length - 1; i >= 0; i--)
        {
            var (stage, path, first) = (config.Decoder[i], $"decoder.up_blocks.{i}", 0);
            if (i < config.Decoder.Length - 1 && stage.Layers > 0)
                x = Up(x, stage.Channels, $"{path}.{first++}"); // [b, ci, 2h, 2w]

            for (var j = 0; j < stage.Layers; j++)
                x = Block(x, stage, $"{path}.{first + j}");

            g.Module(path, x);
        }

        g.Path = "decoder.norm_out";
        x = Act(RmsNorm2d(x, "decoder.norm_out"), config.DecoderConvActFn);
        return config.Decoder[0].Layers > 0 ? g.Conv(x, "decoder.conv_out") : Enlarged(x, "decoder.conv_out"); // [b, 3, 32h, 32w]
    }

    private Value Block(Value x, AutoencoderStage stage, string path) =>
        stage.IsEfficientViT ? EfficientViTBlock(x, stage.QkvMultiscales, path) : ResBlock(x, stage.ActFn, path);

    private Value Act(Value x, string name) => name == "relu" ? g.Relu(x) : g.Silu(x);

    private Value ResBlock(Value x, string act, string path)
    {
        g.Path = path;
        var y = Act(g.Conv(x, $"{path}.conv1"), act);
        return g.Add(RmsNorm2d(g.Conv(y, $"{path}.conv2", bias: false), $"{path}.norm"), x);
    }

    private Value EfficientViTBlock(Value x, int[] scales, string path)
    {
        x = g.Add(x, MultiscaleLinearAttention(x, scales, $"{path}.attn"));
        g.Path = $"{path}.conv_out";
        var y = g.Silu(g.Conv(x, $"{path}.conv_out.conv_inverted")); // [b, 8c, h, w]
        y = g.Conv(y, $"{path}.conv_out.conv_depth", groups: y[1].Factor);
        var parts = g.Split(y, 1, 2);
        y = g.Conv(g.Mul(parts[0], g.Silu(parts[1])), $"{path}.conv_out.conv_point", bias: false); // [b, c, h, w]
        return g.Add(x, RmsNorm2d(y, $"{path}.conv_out.norm"));
    }

    // Groups of 3d consecutive channels are the queries, keys and values of a head; each scale adds the groups of a convolved copy.
    // For small maps diffusers uses a quadratic form, which gives the same in exact arithmetic; here it is always the linear form.
    private Value MultiscaleLinearAttention(Value x, int[] scales, string path)
    {
        g.Path = path;
        var (batch, channels, height, width) = (x[0], x[1], x[2], x[3]);
        var (pixels, size) = (height * width, (long)config.AttentionHeadDim);
        string[] projections = ["to_q", "to_k", "to_v"];
        var qkv = g.Concat(1, [.. projections.Select(p => g.Conv(x, $"{path}.{p}", bias: false))]); // [b, 3c, h, w]
        var all = new List<Value> { qkv };
        for (var i = 0; i < scales.Length; i++)
        {
            var scale = $"{path}.to_qkv_multiscale.{i}";
            var local = g.Conv(qkv, $"{scale}.proj_in", bias: false, groups: qkv[1].Factor);
            all.Add(g.Conv(local, $"{scale}.proj_out", bias: false, groups: qkv[1].Factor / size));
        }

        var groups = channels * (1 + scales.Length) / size;
        var z = g.Cast(all.Count == 1 ? qkv : g.Concat(1, [.. all]), ElementType.Float); // [b, 3c · (1 + scales), h, w]
        var parts = g.Split(g.Reshape(z, batch, groups, 3 * size, pixels), 2, 3);
        var (q, k, v) = (g.Relu(parts[0]), g.Relu(parts[1]), parts[2]); // [b, groups, d, hw]
        var mix = g.MatMul(v, g.Transpose(k, 0, 1, 3, 2)); // [b, groups, d, d]
        var sums = g.MatMul(g.Reshape(g.Sum(k, 3), batch, groups, 1, size), q); // [b, groups, 1, hw]
        var y = g.Div(g.MatMul(mix, q), g.Add(sums, g.Scalar(AttentionEpsilon, ElementType.Float))); // [b, groups, d, hw]
        y = g.Cast(g.Reshape(y, batch, groups * size, height, width), g.Compute);
        return RmsNorm2d(g.Conv(y, $"{path}.to_out", bias: false), $"{path}.norm_out"); // [b, c, h, w]
    }

    private Value Down(Value x, int channels, string path)
    {
        g.Path = path;
        var shortcut = GroupMean(PixelUnshuffle(x), channels);
        return g.Add(g.Conv(x, $"{path}.conv", stride: 2), shortcut); // [b, channels, h / 2, w / 2]
    }

    private Value Up(Value x, int channels, string path)
    {
        g.Path = path;
        var shortcut = g.PixelShuffle(Repeat(x, 4 * channels));
        return g.Add(Enlarged(x, path), shortcut); // [b, channels, 2h, 2w]
    }

    private Value Enlarged(Value x, string path) => config.UpsamplesByShuffle ? g.PixelShuffle(g.Conv(x, $"{path}.conv")) : g.ConvOfDoubled(x, $"{path}.conv");

    // x · rsqrt(mean of squares over the channels + ε) · weight + bias, at every pixel. The mean is a product, because reductions over an axis in the middle run on one thread.
    private Value RmsNorm2d(Value x, string path)
    {
        var wide = g.Cast(x, ElementType.Float);
        var squares = g.Reshape(g.Mul(wide, wide), x[0], x[1], x[2] * x[3]); // [b, c, hw]
        var share = g.Constant([.. Enumerable.Repeat(1f / x[1].Factor, (int)x[1].Factor)], 1, 1, x[1]);
        var mean = g.Reshape(g.MatMul(share, squares), x[0], 1, x[2], x[3]); // [b, 1, h, w]
        var normal = g.Cast(g.Div(wide, g.Sqrt(g.Add(mean, g.Scalar(NormEpsilon, ElementType.Float)))), x.Type);
        return g.Add(g.Mul(normal, PerChannel($"{path}.weight")), PerChannel($"{path}.bias"));
    }

    private Value PerChannel(string name)
    {
        var weight = g.Weight(name);
        return g.Reshape(weight, 1, weight[0], 1, 1);
    }

    // out[4c + 2dy + dx, y, x] = in[c, 2y + dy, 2x + dx]
    private Value PixelUnshuffle(Value x)
    {
        var split = g.Reshape(x, x[0], x[1], x[2] / 2, 2, x[3] / 2, 2);
        return g.Reshape(g.Transpose(split, 0, 1, 3, 5, 2, 4), x[0], x[1] * 4, x[2] / 2, x[3] / 2);
    }

    // Mean over groups of consecutive channels, which gives the number of channels asked for.
    private Value GroupMean(Value x, long channels)
    {
        var groups = g.Reshape(x, x[0], channels, x[1] / channels, x[2], x[3]);
        return g.Reshape(g.Mean(groups, 2), x[0], channels, x[2], x[3]);
    }

    // Each channel repeated next to itself, which gives the number of channels asked for.
    private Value Repeat(Value x, long channels)
    {
        var times = channels / x[1].Factor;
        return times == 1 ? x : g.Gather(x, g.Constant([.. Enumerable.Range(0, (int)channels).Select(c => c / times)]), 1);
    }
}
