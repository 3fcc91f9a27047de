namespace Sana.GraphBuilder.Configs;

/// <summary>vae/config.json of a Sana checkpoint (AutoencoderDC, DC-AE f32c32 and its relatives).</summary>
internal sealed record AutoencoderDCConfig
{
    public required int InChannels { get; init; }
    public required int LatentChannels { get; init; }
    public required int AttentionHeadDim { get; init; }

    /// <summary>Stages of the encoder, largest picture first.</summary>
    public required AutoencoderStage[] Encoder { get; init; }

    /// <summary>Stages of the decoder by their index in <c>up_blocks</c>, largest picture first: they run from the last to the first.</summary>
    public required AutoencoderStage[] Decoder { get; init; }

    /// <summary>Whether the mean over groups of channels is added to the encoder's last convolution.</summary>
    public required bool EncoderOutShortcut { get; init; }

    /// <summary>Whether the repeated latent is added to the decoder's first convolution.</summary>
    public required bool DecoderInShortcut { get; init; }

    /// <summary>relu or silu, between the decoder's last norm and last convolution.</summary>
    public required string DecoderConvActFn { get; init; }

    /// <summary>Latents are multiplied by it after encoding and divided by it before decoding.</summary>
    public required double ScalingFactor { get; init; }

    /// <summary>Image pixels per latent pixel on a side: 32 with six stages.</summary>
    public int SpatialCompression => 1 << (Encoder.Length - 1);

    /// <exception cref="CheckpointException">A value is out of range, or asks for a form of the network that is not built here.</exception>
    public static AutoencoderDCConfig Load(string configFile)
    {
        var json = JsonConfig.Load(configFile);
        json.Word("_class_name", "AutoencoderDC", "AutoencoderDC");
        json.Word("upsample_block_type", null, "interpolate");
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
            DecoderConvActFn = json.Word("decoder_conv_act_fn", "relu", "relu", "silu"),
            ScalingFactor = json.Number("scaling_factor", 1e-6, 1e6),
        };

        if (config.EncoderOutShortcut && encoder[^1].Channels % config.LatentChannels != 0)
            throw json.Wrong("latent_channels", $"a divisor of the encoder's last width {encoder[^1].Channels}");
        return config.DecoderInShortcut && decoder[^1].Channels % config.LatentChannels != 0
            ? throw json.Wrong("latent_channels", $"a divisor of the decoder's last width {decoder[^1].Channels}")
            : config;
    }
}
