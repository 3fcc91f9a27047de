using Sana.GraphBuilder.Configs;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TinySana.Networks;

/// <summary>Latents to image. The repeated latents beside the first convolution are part of its weights.</summary>
internal sealed class AutoencoderDCDecoder : nn.Module<Tensor, Tensor>
{
    private readonly Conv2d _convIn, _convOut;
    private readonly RmsNorm2d _normOut;
    private readonly ModuleList<Sequential> _upBlocks = [];
    private readonly Tensor _shortcut;

    public AutoencoderDCDecoder(AutoencoderDCConfig config) : base(nameof(AutoencoderDCDecoder))
    {
        var stages = config.Decoder;
        for (var i = 0; i < stages.Length; i++)
        {
            var up = i + 1 < stages.Length ? new DCUpBlock2d(stages[i + 1].Channels, stages[i].Channels) : null;
            _upBlocks.Add(nn.Sequential([.. up is null ? [] : new nn.Module<Tensor, Tensor>[] { up }, .. AutoencoderDC.Blocks(config, stages[i])]));
        }

        register_module("conv_in", _convIn = nn.Conv2d(config.LatentChannels, stages[^1].Channels, 3, padding: 1));
        register_module("up_blocks", _upBlocks);
        register_module("norm_out", _normOut = new RmsNorm2d(stages[0].Channels));
        register_module("conv_out", _convOut = nn.Conv2d(stages[0].Channels, config.InChannels, 3, padding: 1));
        using var repeats = Channels.Groups(stages[^1].Channels, config.LatentChannels).transpose(0, 1).mul(stages[^1].Channels / config.LatentChannels);
        _shortcut = nn.functional.pad(repeats.unsqueeze(2).unsqueeze(3), [1, 1, 1, 1]).DetachFromDisposeScope(); // [c4, latent channels, 3, 3]
    }

    public override Tensor forward(Tensor latents)
    {
        var x = nn.functional.conv2d(latents, _convIn.weight! + _shortcut, _convIn.bias, padding: [1, 1]); // [b, c4, h, w]
        x = _upBlocks.Reverse().Aggregate(x, (x, stage) => stage.call(x));              // [b, c0, 16h, 16w]
        return _convOut.call(nn.functional.relu(_normOut.call(x)));                     // [b, 3, 16h, 16w]
    }
}
