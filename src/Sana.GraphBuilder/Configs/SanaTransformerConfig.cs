namespace Sana.GraphBuilder.Configs;

/// <summary>transformer/config.json of a Sana checkpoint (SanaTransformer2DModel). Keys that older files lack have the defaults of the 1.6B model.</summary>
internal sealed record SanaTransformerConfig
{
    /// <summary>What the config of a control network says that it is.</summary>
    public const string ControlClass = "SanaControlNetModel";

    public required int InChannels { get; init; }
    public required int NumLayers { get; init; }
    public required int NumAttentionHeads { get; init; }
    public required int AttentionHeadDim { get; init; }
    public required int NumCrossAttentionHeads { get; init; }
    public required int CrossAttentionHeadDim { get; init; }
    public required int CaptionChannels { get; init; }
    public required double MlpRatio { get; init; }
    public required double NormEps { get; init; }

    /// <summary>Side of the base grid in latent pixels: image pixels / 32.</summary>
    public required int SampleSize { get; init; }

    /// <summary>Null: no positional embedding. A number: sincos positions divided by it (2K: 1, 4K: 2).</summary>
    public required double? InterpolationScale { get; init; }

    /// <summary>RMS norm of queries and keys over all heads, <c>rms_norm_across_heads</c> (Sana 1.5 and Sprint).</summary>
    public required bool QkNorm { get; init; }

    /// <summary>Whether the guidance scale is an input of the network (Sprint).</summary>
    public required bool GuidanceEmbeds { get; init; }
    public required double GuidanceEmbedsScale { get; init; }

    /// <summary>Factor on the timestep before its embedding.</summary>
    public required double TimestepScale { get; init; }

    /// <summary>The transformers of the published checkpoints, as far as adapters depend on them.</summary>
    public static IReadOnlyList<(string Name, SanaTransformerConfig Config)> Published { get; } =
    [
        ("Sana 0.6B", Of(blocks: 28, heads: 36, crossHeads: 16, crossHeadDim: 72)),
        ("Sana 1.6B and 1.5 1.6B", Of(blocks: 20, heads: 70, crossHeads: 20, crossHeadDim: 112)),
        ("Sana 1.5 4.8B", Of(blocks: 60, heads: 70, crossHeads: 20, crossHeadDim: 112)),
        ("Sana Sprint 0.6B", Of(blocks: 28, heads: 36, crossHeads: 16, crossHeadDim: 72) with { GuidanceEmbeds = true }),
        ("Sana Sprint 1.6B", Of(blocks: 20, heads: 70, crossHeads: 20, crossHeadDim: 112) with { GuidanceEmbeds = true }),
    ];

    /// <summary>D: width of a token.</summary>
    public int Width => NumAttentionHeads * AttentionHeadDim;

    /// <summary>Width of the queries, keys and values of the cross attention; D in all published models.</summary>
    public int CrossWidth => NumCrossAttentionHeads * CrossAttentionHeadDim;

    /// <summary>H: channels of the Mix-FFN after its gate.</summary>
    public int FeedForwardWidth => (int)(MlpRatio * Width);

    private static SanaTransformerConfig Of(int blocks, int heads, int crossHeads, int crossHeadDim) => new()
    {
        InChannels = 32,
        NumLayers = blocks,
        NumAttentionHeads = heads,
        AttentionHeadDim = 32,
        NumCrossAttentionHeads = crossHeads,
        CrossAttentionHeadDim = crossHeadDim,
        CaptionChannels = 2304,
        MlpRatio = 2.5,
        NormEps = 1e-6,
        SampleSize = 32,
        InterpolationScale = null,
        QkNorm = false,
        GuidanceEmbeds = false,
        GuidanceEmbedsScale = 0.1,
        TimestepScale = 1,
    };

    /// <exception cref="CheckpointException">A value is out of range, or asks for a form of the network that is not built here.</exception>
    public static SanaTransformerConfig Load(string configFile)
    {
        var json = JsonConfig.Load(configFile);
        json.Word("_class_name", "SanaTransformer2DModel", "SanaTransformer2DModel");
        var config = Shape(json, layers: 20) with
        {
            QkNorm = json.Has("qk_norm") && json.Word("qk_norm", null, "rms_norm_across_heads") is not null,
            GuidanceEmbeds = json.Flag("guidance_embeds", false),
            GuidanceEmbedsScale = json.Number("guidance_embeds_scale", 0, 1_000, 0.1),
            TimestepScale = json.Number("timestep_scale", 1e-6, 1e6, 1),
        };
        json.RefuseOthers(["dropout"]);
        return config;
    }

    /// <summary>config.json of a control network (SanaControlNetModel): blocks as the transformer's, fewer of them, and nothing that came after its first release.</summary>
    /// <exception cref="CheckpointException">A value is out of range, or asks for a form of the network that is not built here.</exception>
    public static SanaTransformerConfig LoadControl(string configFile)
    {
        var json = JsonConfig.Load(configFile);
        json.Word("_class_name", null, ControlClass);
        var config = Shape(json, layers: 7);
        json.RefuseOthers(["dropout"]);
        return config;
    }

    // What both networks have; the rest has its default.
    private static SanaTransformerConfig Shape(JsonConfig json, int layers)
    {
        json.Only("attention_bias", false);
        json.Only("norm_elementwise_affine", false);
        json.Integer("patch_size", 1, 1, missing: 1);

        var config = new SanaTransformerConfig
        {
            InChannels = json.Integer("in_channels", 1, 1_024, 32),
            NumLayers = json.Integer("num_layers", 1, 512, layers),
            NumAttentionHeads = json.Integer("num_attention_heads", 1, 1_024, 70),
            AttentionHeadDim = json.Integer("attention_head_dim", 1, 1_024, 32),
            NumCrossAttentionHeads = json.Integer("num_cross_attention_heads", 1, 1_024, 20),
            CrossAttentionHeadDim = json.Integer("cross_attention_head_dim", 1, 1_024, 112),
            CaptionChannels = json.Integer("caption_channels", 1, 65_536, 2304),
            MlpRatio = json.Number("mlp_ratio", 0.001, 64, 2.5),
            NormEps = json.Number("norm_eps", 0, 1, 1e-6),
            SampleSize = json.Integer("sample_size", 1, 4_096, 32),
            InterpolationScale = json.NumberOrNull("interpolation_scale", 0.001, 1_000, missing: null),
            QkNorm = false,
            GuidanceEmbeds = false,
            GuidanceEmbedsScale = 0.1,
            TimestepScale = 1,
        };

        json.Integer("out_channels", config.InChannels, config.InChannels, config.InChannels);
        if (config.Width > 65_536)
            throw json.Wrong("num_attention_heads", $"at most {65_536 / config.AttentionHeadDim} with attention_head_dim {config.AttentionHeadDim}");
        if (config.CrossWidth > 65_536)
        {
            throw json.Wrong(
                "num_cross_attention_heads", $"at most {65_536 / config.CrossAttentionHeadDim} with cross_attention_head_dim {config.CrossAttentionHeadDim}");
        }

        if (config.FeedForwardWidth is < 1 or > 1_048_576)
            throw json.Wrong("mlp_ratio", $"such that {config.Width} times it is between 1 and 1048576");
        // The caption is projected to D before the cross attention reads it.
        json.Integer("cross_attention_dim", config.Width, config.Width, config.Width);
        return config.InterpolationScale is not null && config.Width % 4 != 0
            ? throw json.Wrong("interpolation_scale", $"null, because positions need a width divisible by 4 and {config.Width} is not")
            : config;
    }
}

/// <summary>The tensors of SanaTransformer2DModel and SanaControlNetModel in forward order.</summary>
internal static class SanaTransformerTensors
{
    /// <summary>Inputs of the timestep's embedding: 128 cosines, then 128 sines.</summary>
    private const int Frequencies = 256;

    public static IEnumerable<ExpectedTensor> All(SanaTransformerConfig config) => Embeddings(config)
        .Concat(Blocks(config))
        .Concat([new("scale_shift_table", 2, config.Width), new("proj_out.weight", config.InChannels, config.Width), new("proj_out.bias", config.InChannels)]);

    /// <summary>Those of a control network.</summary>
    public static IEnumerable<ExpectedTensor> Control(SanaTransformerConfig config) => Embeddings(config)
        .Concat(Square("input_block", config.Width))
        .Concat(Blocks(config))
        .Concat(Enumerable.Range(0, config.NumLayers).SelectMany(layer => Square($"controlnet_blocks.{layer}", config.Width)));

    private static ExpectedTensor[] Embeddings(SanaTransformerConfig config)
    {
        var (d, caption) = (config.Width, config.CaptionChannels);
        return
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
    }

    // Enumerated lazily: a config with more layers than the file is refused at the first tensor that is missing.
    private static IEnumerable<ExpectedTensor> Blocks(SanaTransformerConfig config) =>
        Enumerable.Range(0, config.NumLayers).SelectMany(layer => Block(config, $"transformer_blocks.{layer}"));

    private static ExpectedTensor[] Square(string name, long width) => [new($"{name}.weight", width, width), new($"{name}.bias", width)];

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
