using Sana.GraphBuilder.Configs;

namespace Sana.GraphBuilder.Checkpoint;

/// <summary>The tensors of SanaTransformer2DModel in forward order.</summary>
internal static class SanaTransformerTensors
{
    /// <summary>Sinusoids in the timestep's embedding: 128 cosines, then 128 sines.</summary>
    private const int Frequencies = 256;

    public static IEnumerable<ExpectedTensor> Of(SanaTransformerConfig config)
    {
        var (d, caption) = (config.Width, config.CaptionChannels);
        IEnumerable<ExpectedTensor> all =
        [
            new("patch_embed.proj.weight", d, config.InChannels, 1, 1),
            new("patch_embed.proj.bias", d),
            .. config.GuidanceEmbeds
                ? [.. Embedder("time_embed.timestep_embedder", Frequencies, d), .. Embedder("time_embed.guidance_embedder", Frequencies, d)]
                : Embedder("time_embed.emb.timestep_embedder", Frequencies, d),
            new("time_embed.linear.weight", 6 * d, d),
            new("time_embed.linear.bias", 6 * d),
            .. Embedder("caption_projection", caption, d),
            new("caption_norm.weight", d),
        ];

        // Layers one by one: a config that asks for more than the file holds is refused at the first that is missing.
        return all
            .Concat(Enumerable.Range(0, config.NumLayers).SelectMany(layer => Block(config, $"transformer_blocks.{layer}")))
            .Concat([new("scale_shift_table", 2, d), new("proj_out.weight", config.InChannels, d), new("proj_out.bias", config.InChannels)]);
    }

    private static ExpectedTensor[] Embedder(string name, long from, long to) =>
    [
        new($"{name}.linear_1.weight", to, from), new($"{name}.linear_1.bias", to),
        new($"{name}.linear_2.weight", to, to), new($"{name}.linear_2.bias", to),
    ];

    private static ExpectedTensor[] Block(SanaTransformerConfig config, string name)
    {
        var (d, cross, h) = (config.Width, config.CrossWidth, config.FeedForwardWidth);
        return
        [
            new($"{name}.scale_shift_table", 6, d),
            new($"{name}.attn1.to_q.weight", d, d),
            new($"{name}.attn1.to_k.weight", d, d),
            new($"{name}.attn1.to_v.weight", d, d),
            .. Norms(config, $"{name}.attn1", d),
            new($"{name}.attn1.to_out.0.weight", d, d), new($"{name}.attn1.to_out.0.bias", d),
            new($"{name}.attn2.to_q.weight", cross, d), new($"{name}.attn2.to_q.bias", cross),
            new($"{name}.attn2.to_k.weight", cross, d), new($"{name}.attn2.to_k.bias", cross),
            new($"{name}.attn2.to_v.weight", cross, d), new($"{name}.attn2.to_v.bias", cross),
            .. Norms(config, $"{name}.attn2", cross),
            new($"{name}.attn2.to_out.0.weight", d, cross), new($"{name}.attn2.to_out.0.bias", d),
            new($"{name}.ff.conv_inverted.weight", 2 * h, d, 1, 1), new($"{name}.ff.conv_inverted.bias", 2 * h),
            new($"{name}.ff.conv_depth.weight", 2 * h, 1, 3, 3), new($"{name}.ff.conv_depth.bias", 2 * h),
            new($"{name}.ff.conv_point.weight", d, h, 1, 1),
        ];
    }

    private static ExpectedTensor[] Norms(SanaTransformerConfig config, string attention, long width) =>
        config.QkNorm ? [new($"{attention}.norm_q.weight", width), new($"{attention}.norm_k.weight", width)] : [];
}
