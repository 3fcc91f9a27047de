using Sana.GraphBuilder.Configs;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TinySana.Networks;

/// <summary>Image to latents. The mean over groups of channels beside the last convolution is part of its weights.</summary>
internal sealed class AutoencoderDCEncoder : nn.Module<Tensor, Tensor>
{
    private readonly Conv2d _convIn, _convOut;
    private readonly ModuleList<Sequential> _downBlocks = [];
    private readonly Tensor _shortcut;

    public AutoencoderDCEncoder(AutoencoderDCConfig config) : base(nameof(AutoencoderDCEncoder))
    {
        var stages = config.Encoder;
        for (var i = 0; i < stages.Length; i++)
        {
            var down = i + 1 < stages.Length ? new DCDownBlock2d(stages[i].Channels, stages[i + 1].Channels) : null;
            _downBlocks.Add(nn.Sequential([.. AutoencoderDC.Blocks(config, stages[i]), .. down is null ? [] : new nn.Module<Tensor, Tensor>[] { down }]));
        }

        register_module("conv_in", _convIn = nn.Conv2d(config.InChannels, stages[0].Channels, 3, padding: 1));
        register_module("down_blocks", _downBlocks);
        register_module("conv_out", _convOut = nn.Conv2d(stages[^1].Channels, config.LatentChannels, 3, padding: 1));
        using var means = Channels.Groups(stages[^1].Channels, config.LatentChannels).unsqueeze(2).unsqueeze(3);
        _shortcut = nn.functional.pad(means, [1, 1, 1, 1]).DetachFromDisposeScope(); // [latent channels, c4, 3, 3]
    }

    public override Tensor forward(Tensor image)
    {
        var x = _downBlocks.Aggregate(_convIn.call(image), (x, stage) => stage.call(x)); // [b, c4, h / 16, w / 16]
        return nn.functional.conv2d(x, _convOut.weight! + _shortcut, _convOut.bias, padding: [1, 1]); // [b, latent channels, h / 16, w / 16]
    }
}
