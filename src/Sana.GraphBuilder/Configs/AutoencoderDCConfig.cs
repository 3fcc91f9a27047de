namespace Sana.GraphBuilder.Configs;

/// <summary>vae/config.json of a Sana checkpoint (AutoencoderDC, DC-AE f32c32 and its relatives).</summary>
internal sealed record AutoencoderDCConfig
{
    public required int InChannels { get; init; }
    public required int LatentChannels { get; init; }
    public required int AttentionHeadDim { get; init; }

    /// <summary>Stages of the encoder, highest resolution first.</summary>
    public required AutoencoderStage[] Encoder { get; init; }

    /// <summary>Stages of the decoder by their index in <c>up_blocks</c>, highest resolution first. They run from the last to the first.</summary>
    public required AutoencoderStage[] Decoder { get; init; }

    /// <summary>Whether the mean over groups of channels is added to the encoder's last convolution.</summary>
    public required bool EncoderOutShortcut { get; init; }

    /// <summary>Whether the repeated latent is added to the decoder's first convolution.</summary>
    public required bool DecoderInShortcut { get; init; }

    /// <summary>How the decoder doubles the sides: a convolution to four times the channels and a pixel shuffle, or else nearest neighbours and a convolution.</summary>
    public required bool UpsamplesByShuffle { get; init; }

    /// <summary>relu or silu, between the decoder's last norm and last convolution.</summary>
    public required string DecoderConvActFn { get; init; }

    /// <summary>Latents are multiplied by this after encoding and divided by it before decoding.</summary>
    public required double ScalingFactor { get; init; }

    /// <summary>Channels that the decoder's last stage with blocks has, for each pixel of the image.</summary>
    public int LastWidth => Decoder[0].Layers > 0 ? Decoder[0].Channels : Math.Max(InChannels, Decoder[1].Channels / 4);

    /// <summary>Image pixels per latent pixel on a side: 32 with six stages.</summary>
    public int SpatialCompression => 1 << (Encoder.Length - 1);

    /// <exception cref="CheckpointException">A value is out of range, or asks for a form of the network that is not built here.</exception>
    public static AutoencoderDCConfig Load(string configFile)
    {
        var json = JsonConfig.Load(configFile);
        json.Word("_class_name", "AutoencoderDC", "AutoencoderDC");
        var upsampling = json.Word("upsample_block_type", "pixel_shuffle", "interpolate", "pixel_shuffle");
        json.Word("downsample_block_type", null, "Conv", "conv");

        var headDim = json.Integer("attention_head_dim", 1, 1_024);
        var encoder = AutoencoderStage.Load(json, "encoder", headDim);
        var decoder = AutoencoderStage.Load(json, "decoder", headDim);
        if (encoder.Length != decoder.Length)
            throw json.Wrong("decoder_block_out_channels", $"as long as encoder_block_out_channels, {encoder.Length}");
        json.Words("decoder_norm_types", decoder.Length, "rms_norm", "rms_norm");

        var config = new AutoencoderDCConfig
        {
            InChannels = json.Integer("in_channels", 3, 3),
            LatentChannels = json.Integer("latent_channels", 1, 1_024),
            AttentionHeadDim = headDim,
            Encoder = encoder,
            Decoder = decoder,
            EncoderOutShortcut = json.Flag("encoder_out_shortcut", true),
            DecoderInShortcut = json.Flag("decoder_in_shortcut", true),
            UpsamplesByShuffle = upsampling == "pixel_shuffle",
            DecoderConvActFn = json.Word("decoder_conv_act_fn", "relu", "relu", "silu"),
            ScalingFactor = json.Number("scaling_factor", 1e-6, 1e6),
        };

        if (config.EncoderOutShortcut && encoder[^1].Channels % config.LatentChannels != 0)
            throw json.Wrong("latent_channels", $"a divisor of the encoder's last width {encoder[^1].Channels}");
        json.RefuseOthers();
        return config.DecoderInShortcut && decoder[^1].Channels % config.LatentChannels != 0
            ? throw json.Wrong("latent_channels", $"a divisor of the decoder's last width {decoder[^1].Channels}")
            : config;
    }
}

/// <summary>One resolution of the autoencoder: its blocks all have the same kind and width.</summary>
/// <param name="IsEfficientViT">EfficientViTBlock (linear attention, then GLUMBConv), else ResBlock.</param>
/// <param name="Channels">Width of the stage.</param>
/// <param name="Layers">Blocks, without the one that changes the resolution.</param>
/// <param name="QkvMultiscales">Kernel sizes of the attention's extra scales, odd; empty for ResBlock.</param>
/// <param name="ActFn">silu or relu, between the convolutions of a ResBlock.</param>
internal sealed record AutoencoderStage(bool IsEfficientViT, int Channels, int Layers, int[] QkvMultiscales, string ActFn)
{
    private const int MaxStages = 8;

    public static AutoencoderStage[] Load(JsonConfig json, string side, int headDim)
    {
        var channels = json.Integers($"{side}_block_out_channels", 1, 65_536, 1, MaxStages);
        var layers = json.Integers($"{side}_layers_per_block", 0, 64, channels.Length, channels.Length);
        var types = json.Words($"{side}_block_types", channels.Length, null, "ResBlock", "EfficientViTBlock");
        var scales = json.IntegerLists($"{side}_qkv_multiscales", 1, 31, channels.Length);
        // The reference has a choice in the decoder only.
        var acts = json.Words($"{side}_act_fns", channels.Length, "silu", side == "decoder" ? ["silu", "relu"] : ["silu"]);

        for (var i = 0; i < channels.Length; i++)
        {
            // The shortcut going down averages 4·C channels to the next width, going up it repeats them: the same groups both ways.
            if (i > 0 && layers[i - 1] > 0 && 4 * channels[i - 1] % channels[i] != 0)
            {
                throw json.Wrong(
                    $"{side}_block_out_channels", $"such that each width divides four times the one before; {channels[i]} does not divide 4 × {channels[i - 1]}");
            }

            // Without blocks the first stage is nothing but the change of resolution; another one would have none.
            if (layers[i] == 0 && (i > 0 || channels.Length == 1))
                throw json.Wrong($"{side}_layers_per_block", "at least 1 for all stages but the first of several");
            if (types[i] == "EfficientViTBlock" && channels[i] % headDim != 0)
                throw json.Wrong($"{side}_block_out_channels", $"divisible by attention_head_dim {headDim} at stage {i}");
            if (scales[i].Any(kernel => kernel % 2 == 0))
                throw json.Wrong($"{side}_qkv_multiscales", "lists of odd kernel sizes");
        }

        return [.. channels.Select((width, i) => types[i] == "EfficientViTBlock"
            ? new AutoencoderStage(true, width, layers[i], scales[i], acts[i])
            : new AutoencoderStage(false, width, layers[i], [], acts[i]))];
    }
}

/// <summary>The tensors of AutoencoderDC in forward order.</summary>
internal static class AutoencoderDCTensors
{
    public static IEnumerable<ExpectedTensor> All(AutoencoderDCConfig config) => Encoder(config).Concat(Decoder(config));

    public static IEnumerable<ExpectedTensor> Encoder(AutoencoderDCConfig config)
    {
        var stages = config.Encoder;
        return
        [
            .. stages[0].Layers > 0 ? Conv("encoder.conv_in", config.InChannels, stages[0].Channels) : Conv("encoder.conv_in.conv", config.InChannels, stages[1].Channels),
            .. Enumerable.Range(0, stages.Length).SelectMany(i => (IEnumerable<ExpectedTensor>)
            [
                .. Blocks(config, stages[i], $"encoder.down_blocks.{i}", first: 0),
                .. i + 1 < stages.Length && stages[i].Layers > 0 ? Conv($"encoder.down_blocks.{i}.{stages[i].Layers}.conv", stages[i].Channels, stages[i + 1].Channels) : [],
            ]),
            .. Conv("encoder.conv_out", stages[^1].Channels, config.LatentChannels),
        ];
    }

    public static IEnumerable<ExpectedTensor> Decoder(AutoencoderDCConfig config)
    {
        var stages = config.Decoder;
        return
        [
            .. Conv("decoder.conv_in", config.LatentChannels, stages[^1].Channels),
            // From the lowest resolution to the highest: 5, 4, … 0. All but the first one enlarge before their blocks.
            .. Enumerable.Range(0, stages.Length).Reverse().SelectMany(i => (IEnumerable<ExpectedTensor>)
            [
                .. i + 1 < stages.Length && stages[i].Layers > 0 ? Conv($"decoder.up_blocks.{i}.0.conv", stages[i + 1].Channels, Upsampled(config, stages[i].Channels)) : [],
                .. Blocks(config, stages[i], $"decoder.up_blocks.{i}", first: i + 1 < stages.Length ? 1 : 0),
            ]),
            .. Norm("decoder.norm_out", stages[0].Layers > 0 ? stages[0].Channels : stages[1].Channels),
            .. stages[0].Layers > 0 ? Conv("decoder.conv_out", stages[0].Channels, config.InChannels) : Conv("decoder.conv_out.conv", stages[1].Channels, Upsampled(config, config.InChannels)),
        ];
    }

    private static long Upsampled(AutoencoderDCConfig config, long channels) => config.UpsamplesByShuffle ? 4 * channels : channels;

    private static IEnumerable<ExpectedTensor> Blocks(AutoencoderDCConfig config, AutoencoderStage stage, string name, int first) =>
        Enumerable.Range(first, stage.Layers).SelectMany(i =>
            stage.IsEfficientViT ? EfficientViTBlock(config, stage, $"{name}.{i}") : ResBlock(stage.Channels, $"{name}.{i}"));

    private static ExpectedTensor[] ResBlock(long c, string name) =>
    [
        .. Conv($"{name}.conv1", c, c),
        new($"{name}.conv2.weight", c, c, 3, 3),
        .. Norm($"{name}.norm", c),
    ];

    private static ExpectedTensor[] EfficientViTBlock(AutoencoderDCConfig config, AutoencoderStage stage, string name)
    {
        long c = stage.Channels;
        return
        [
            new($"{name}.attn.to_q.weight", c, c),
            new($"{name}.attn.to_k.weight", c, c),
            new($"{name}.attn.to_v.weight", c, c),
            .. stage.QkvMultiscales.SelectMany((kernel, i) => (IEnumerable<ExpectedTensor>)
            [
                new($"{name}.attn.to_qkv_multiscale.{i}.proj_in.weight", 3 * c, 1, kernel, kernel),
                new($"{name}.attn.to_qkv_multiscale.{i}.proj_out.weight", 3 * c, config.AttentionHeadDim, 1, 1),
            ]),
            new($"{name}.attn.to_out.weight", c, (1 + stage.QkvMultiscales.Length) * c),
            .. Norm($"{name}.attn.norm_out", c),
            new($"{name}.conv_out.conv_inverted.weight", 8 * c, c, 1, 1), new($"{name}.conv_out.conv_inverted.bias", 8 * c),
            new($"{name}.conv_out.conv_depth.weight", 8 * c, 1, 3, 3), new($"{name}.conv_out.conv_depth.bias", 8 * c),
            new($"{name}.conv_out.conv_point.weight", c, 4 * c, 1, 1),
            .. Norm($"{name}.conv_out.norm", c),
        ];
    }

    private static ExpectedTensor[] Conv(string name, long from, long to) => [new($"{name}.weight", to, from, 3, 3), new($"{name}.bias", to)];

    private static ExpectedTensor[] Norm(string name, long width) => [new($"{name}.weight", width), new($"{name}.bias", width)];
}
