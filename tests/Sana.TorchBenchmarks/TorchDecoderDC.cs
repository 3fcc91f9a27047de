using Sana.GraphBuilder.Configs;
using static Sana.TorchBenchmarks.TorchLayers;
using static TorchSharp.torch;

namespace Sana.TorchBenchmarks;

/// <summary>The decoder of the deep-compression autoencoder as diffusers computes it (AutoencoderDC): projections of attention and norms over channels that stand last.</summary>
internal sealed class TorchDecoderDC(AutoencoderDCConfig config, TorchWeights w)
{
    /// <summary>Latents [b, latent_channels, h, w], not scaled, to an image [b, 3, 32 · h, 32 · w].</summary>
    public Tensor Forward(Tensor latents) => Part(() =>
    {
        var repeats = config.Decoder[^1].Channels / config.LatentChannels;
        var x = Part(() => config.DecoderInShortcut ? w.Conv(latents, "decoder.conv_in") + latents.repeat_interleave(repeats, 1) : w.Conv(latents, "decoder.conv_in")); // [b, c5, h, w]
        for (var i = config.Decoder.Length - 1; i >= 0; i--)
        {
            var (stage, first) = (config.Decoder[i], 0);
            if (i < config.Decoder.Length - 1)
                x = Next(x, y => Up(y, stage.Channels, $"decoder.up_blocks.{i}.{first++}")); // [b, ci, 2h, 2w]
            for (var j = 0; j < stage.Layers; j++)
            {
                var path = $"decoder.up_blocks.{i}.{first + j}";
                x = Next(x, y => stage.IsEfficientViT ? EfficientViTBlock(y, stage, path) : ResBlock(y, stage.ActFn, path));
            }
        }

        return w.Conv(Act(Norm(x, "decoder.norm_out"), config.DecoderConvActFn), "decoder.conv_out"); // [b, 3, 32h, 32w]
    });

    private static Tensor Act(Tensor x, string name) => name == "relu" ? nn.functional.relu(x) : nn.functional.silu(x);

    private Tensor Up(Tensor x, long channels, string path) => Part(() =>
    {
        var larger = Part(() => config.UpsamplesByShuffle
            ? nn.functional.pixel_shuffle(w.Conv(x, $"{path}.conv"), 2)
            : w.Conv(nn.functional.interpolate(x, scale_factor: [2, 2], mode: InterpolationMode.Nearest), $"{path}.conv"));
        return larger + nn.functional.pixel_shuffle(x.repeat_interleave(4 * channels / x.shape[1], 1), 2); // [b, channels, 2h, 2w]
    });

    private Tensor ResBlock(Tensor x, string act, string path) => Part(() =>
    {
        var y = Part(() => Act(w.Conv(x, $"{path}.conv1"), act));
        y = Part(() => w.Conv(y, $"{path}.conv2"));
        return Norm(y, $"{path}.norm") + x;
    });

    private Tensor EfficientViTBlock(Tensor input, AutoencoderStage stage, string path) => Part(() =>
    {
        var x = Part(() => input + LinearAttention(input, stage, $"{path}.attn"));
        var y = Part(() => nn.functional.silu(w.Conv(x, $"{path}.conv_out.conv_inverted"))); // [b, 8c, h, w]
        y = Part(() => w.Conv(y, $"{path}.conv_out.conv_depth", groups: y.shape[1]));
        y = Part(() =>
        {
            var parts = y.chunk(2, 1);
            return w.Conv(parts[0] * nn.functional.silu(parts[1]), $"{path}.conv_out.conv_point"); // [b, c, h, w]
        });
        return x + Norm(y, $"{path}.conv_out.norm");
    });

    private Tensor LinearAttention(Tensor x, AutoencoderStage stage, string path) => Part(() =>
    {
        var (batch, height, width, size) = (x.shape[0], x.shape[2], x.shape[3], (long)config.AttentionHeadDim);
        var last = x.movedim([1], [-1]); // [b, h, w, c]
        var qkv = Part(() => cat([w.Linear(last, $"{path}.to_q"), w.Linear(last, $"{path}.to_k"), w.Linear(last, $"{path}.to_v")], 3).movedim([-1], [1])); // [b, 3c, h, w]
        var all = Part(() => cat([qkv, .. stage.QkvMultiscales.Select((_, i) =>
        {
            var scale = $"{path}.to_qkv_multiscale.{i}";
            return w.Conv(w.Conv(qkv, $"{scale}.proj_in", groups: qkv.shape[1]), $"{scale}.proj_out", groups: qkv.shape[1] / size);
        })], 1)); // [b, 3c · (1 + scales), h, w]
        var parts = all.to_type(float32).reshape(batch, -1, 3 * size, height * width).chunk(3, 2); // queries, keys, values, each [b, groups, d, hw]
        var (q, k, v) = (nn.functional.relu(parts[0]), nn.functional.relu(parts[1]), nn.functional.pad(parts[2], [0, 0, 0, 1], value: 1));
        var mixed = Part(() => matmul(matmul(v, k.transpose(2, 3)), q)); // [b, groups, d + 1, hw]
        mixed = Part(() => (mixed.narrow(2, 0, size) / (mixed.narrow(2, size, 1) + 1e-15f)).to_type(x.dtype).reshape(batch, -1, height, width));
        return Norm(w.Linear(mixed.movedim([1], [-1]), $"{path}.to_out").movedim([-1], [1]), $"{path}.norm_out"); // [b, c, h, w]
    });

    private Tensor Norm(Tensor x, string path) => Part(() =>
    {
        var last = x.movedim([1], [-1]);
        var wide = last.to_type(float32);
        var normal = (last * rsqrt(wide.square().mean([-1], keepdim: true) + 1e-5)).to_type(x.dtype);
        return ((normal * w[$"{path}.weight"]) + w[$"{path}.bias"]).movedim([-1], [1]);
    });
}
