using Sana.GraphBuilder.Configs;

namespace Sana.GraphBuilder.Checkpoint;

/// <summary>The tensors of AutoencoderDC in forward order, encoder and decoder apart: either is built without the other.</summary>
internal static class AutoencoderDCTensors
{
    public static IEnumerable<ExpectedTensor> OfEncoder(AutoencoderDCConfig config)
    {
        var stages = config.Encoder;
        return
        [
            .. Conv("encoder.conv_in", config.InChannels, stages[0].Channels),
            .. Enumerable.Range(0, stages.Length).SelectMany(i => (IEnumerable<ExpectedTensor>)
            [
                .. Blocks(config, stages[i], $"encoder.down_blocks.{i}", first: 0),
                .. i + 1 < stages.Length ? Conv($"encoder.down_blocks.{i}.{stages[i].Layers}.conv", stages[i].Channels, stages[i + 1].Channels) : [],
            ]),
            .. Conv("encoder.conv_out", stages[^1].Channels, config.LatentChannels),
        ];
    }

    public static IEnumerable<ExpectedTensor> OfDecoder(AutoencoderDCConfig config)
    {
        var stages = config.Decoder;
        return
        [
            .. Conv("decoder.conv_in", config.LatentChannels, stages[^1].Channels),
            // From the smallest picture to the largest: 5, 4, … 0, where all but the first one enlarge before their blocks.
            .. Enumerable.Range(0, stages.Length).Reverse().SelectMany(i => (IEnumerable<ExpectedTensor>)
            [
                .. i + 1 < stages.Length ? Conv($"decoder.up_blocks.{i}.0.conv", stages[i + 1].Channels, stages[i].Channels) : [],
                .. Blocks(config, stages[i], $"decoder.up_blocks.{i}", first: i + 1 < stages.Length ? 1 : 0),
            ]),
            .. Norm("decoder.norm_out", stages[0].Channels),
            .. Conv("decoder.conv_out", stages[0].Channels, config.InChannels),
        ];
    }

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
