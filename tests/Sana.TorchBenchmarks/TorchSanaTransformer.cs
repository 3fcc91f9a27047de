using Sana.GraphBuilder.Configs;
using Sana.GraphBuilder.Models;
using static Sana.TorchBenchmarks.TorchLayers;
using static TorchSharp.torch;

namespace Sana.TorchBenchmarks;

/// <summary>
/// Sana's transformer as diffusers computes it (SanaTransformer2DModel): each evaluation projects the text and its keys and values again, linear attention in float32.
/// Only the form without norms of queries and keys and without positions, which the published 0.6B has. Letters: b samples, n latent tokens (h · w), l text tokens, d width.
/// </summary>
internal sealed class TorchSanaTransformer(SanaTransformerConfig config, TorchWeights w)
{
    /// <param name="latents">[b, c, h, w].</param>
    /// <param name="timestep">[b], float32.</param>
    /// <param name="text">[b, l, caption_channels].</param>
    /// <param name="mask">[b, l], 1 for text and 0 for padding; null where nothing is padded.</param>
    public Tensor Forward(Tensor latents, Tensor timestep, Tensor text, Tensor? mask) => Part(() =>
    {
        var (batch, channels, height, width) = (latents.shape[0], latents.shape[1], latents.shape[2], latents.shape[3]);
        var bias = mask is null ? null : ((1 - mask) * -10000f).to_type(w.Type).view(batch, 1, 1, -1);
        var x = Part(() => w.Conv(latents, "patch_embed.proj").flatten(2).transpose(1, 2)); // [b, n, d]

        var angles = timestep.unsqueeze(1) * tensor(Sinusoid.Frequencies); // [b, 128]
        var sinusoid = cat([angles.cos(), angles.sin()], 1).to_type(w.Type); // [b, 256]
        var embedded = Mlp(sinusoid, "time_embed.emb.timestep_embedder", y => nn.functional.silu(y)); // [b, d]
        var six = w.Linear(nn.functional.silu(embedded), "time_embed.linear").view(batch, 6, -1); // [b, 6, d]

        var caption = Mlp(text, "caption_projection", y => nn.functional.gelu(y, TorchSharp.Modules.GELU.Approximate.tanh)); // [b, l, d]
        caption = RmsNorm(caption, "caption_norm", 1e-5);

        for (var i = 0; i < config.NumLayers; i++)
        {
            var path = $"transformer_blocks.{i}";
            x = Next(x, y => Block(y, six, caption, bias, height, width, path));
        }

        var m = (w["scale_shift_table"] + embedded.unsqueeze(1)).chunk(2, 1); // 2 × [b, 1, d]: shift, scale
        x = w.Linear(Modulated(x, m[0], m[1]), "proj_out"); // [b, n, c]
        return x.transpose(1, 2).reshape(batch, channels, height, width);
    });

    private Tensor Block(Tensor x, Tensor six, Tensor caption, Tensor? bias, long height, long width, string path)
    {
        var m = (w[$"{path}.scale_shift_table"] + six).chunk(6, 1); // 6 × [b, 1, d]
        x = Part(() => x + (m[2] * LinearAttention(Modulated(x, m[0], m[1]), $"{path}.attn1")));
        x = Part(() => x + CrossAttention(x, caption, bias, $"{path}.attn2"));
        return Part(() => x + (m[5] * FeedForward(Modulated(x, m[3], m[4]), height, width, $"{path}.ff")));
    }

    private Tensor Modulated(Tensor x, Tensor shift, Tensor scale) => Part(() => (nn.functional.layer_norm(x, [x.shape[^1]], eps: config.NormEps) * (1 + scale)) + shift);

    // Values get a row of ones, so that one product gives the sums too.
    private Tensor LinearAttention(Tensor x, string path) => Part(() =>
    {
        var (batch, tokens, heads) = (x.shape[0], x.shape[1], (long)config.NumAttentionHeads);
        var q = Part(() => nn.functional.relu(w.Linear(x, $"{path}.to_q").transpose(1, 2).reshape(batch, heads, -1, tokens)).to_type(float32)); // [b, heads, head_dim, n]
        var k = Part(() => nn.functional.relu(w.Linear(x, $"{path}.to_k").transpose(1, 2).reshape(batch, heads, -1, tokens)).to_type(float32));
        var v = Part(() => nn.functional.pad(w.Linear(x, $"{path}.to_v").transpose(1, 2).reshape(batch, heads, -1, tokens).to_type(float32), [0, 0, 0, 1], value: 1)); // [b, heads, head_dim + 1, n]
        var mixed = Part(() => matmul(matmul(v, k.transpose(2, 3)), q)); // [b, heads, head_dim + 1, n]
        mixed = Part(() => mixed.narrow(2, 0, q.shape[2]) / (mixed.narrow(2, q.shape[2], 1) + 1e-15f)); // [b, heads, head_dim, n]
        return w.Linear(mixed.flatten(1, 2).transpose(1, 2).to_type(x.dtype), $"{path}.to_out.0"); // [b, n, d]
    });

    private Tensor CrossAttention(Tensor x, Tensor caption, Tensor? bias, string path) => Part(() =>
    {
        var (q, k, v) = (w.Linear(x, $"{path}.to_q"), w.Linear(caption, $"{path}.to_k"), w.Linear(caption, $"{path}.to_v"));
        return w.Linear(Attention(q, k, v, config.NumCrossAttentionHeads, bias), $"{path}.to_out.0"); // [b, n, d]
    });

    private Tensor FeedForward(Tensor x, long height, long width, string path) => Part(() =>
    {
        var y = Part(() => nn.functional.silu(w.Conv(x.unflatten(1, height, width).permute(0, 3, 1, 2), $"{path}.conv_inverted"))); // [b, 2 · hidden, h, w]
        y = Part(() => w.Conv(y, $"{path}.conv_depth", groups: y.shape[1]));
        var gated = Part(() =>
        {
            var parts = y.chunk(2, 1);
            return parts[0] * nn.functional.silu(parts[1]); // [b, hidden, h, w]
        });
        return w.Conv(gated, $"{path}.conv_point").flatten(2).transpose(1, 2); // [b, n, d]
    });

    private Tensor Mlp(Tensor x, string path, Func<Tensor, Tensor> act) => Part(() => w.Linear(act(w.Linear(x, $"{path}.linear_1")), $"{path}.linear_2"));

    private Tensor RmsNorm(Tensor x, string path, double eps) => Part(() =>
    {
        var wide = x.to_type(float32);
        return (wide * rsqrt(wide.square().mean([-1], keepdim: true) + eps)).to_type(x.dtype) * w[$"{path}.weight"];
    });
}
