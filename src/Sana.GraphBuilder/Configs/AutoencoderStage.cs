namespace Sana.GraphBuilder.Configs;

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
        var layers = json.Integers($"{side}_layers_per_block", 1, 64, channels.Length, channels.Length);
        var types = json.Words($"{side}_block_types", channels.Length, null, "ResBlock", "EfficientViTBlock");
        var scales = json.IntegerLists($"{side}_qkv_multiscales", 1, 31, channels.Length);
        var acts = json.Words($"{side}_act_fns", channels.Length, "silu", "silu", "relu");

        for (var i = 0; i < channels.Length; i++)
        {
            // Going down the shortcut averages 4·C channels into the next C, going up it repeats: the same groups both ways.
            if (i > 0 && 4 * channels[i - 1] % channels[i] != 0)
            {
                throw json.Wrong(
                    $"{side}_block_out_channels", $"such that each width divides four times the one before; {channels[i]} does not divide 4 × {channels[i - 1]}");
            }

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
