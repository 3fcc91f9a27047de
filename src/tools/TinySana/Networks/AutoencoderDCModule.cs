using Sana.GraphBuilder.Configs;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TinySana.Networks;

/// <summary>The deep-compression autoencoder (DC-AE, arXiv:2410.10733; diffusers' AutoencoderDC) with its tensor names.</summary>
internal sealed class AutoencoderDCModule : nn.Module
{
    private readonly AutoencoderDCEncoder _encoder;
    private readonly AutoencoderDCDecoder _decoder;

    public AutoencoderDCModule(AutoencoderDCConfig config) : base(nameof(AutoencoderDCModule))
    {
        register_module("encoder", _encoder = new AutoencoderDCEncoder(config));
        register_module("decoder", _decoder = new AutoencoderDCDecoder(config));
    }

    /// <summary>The decoder, which can be trained alone when the latents must not change any more.</summary>
    public nn.Module Decoder => _decoder;

    /// <summary>Image in −1…1 [b, 3, h, w] to unscaled latents [b, latent channels, h / f, w / f].</summary>
    public Tensor Encode(Tensor image) => _encoder.call(image);

    /// <summary>Unscaled latents to an image around −1…1 [b, 3, h, w].</summary>
    public Tensor Decode(Tensor latents) => _decoder.call(latents);

    /// <summary>The blocks of a stage, without the one that changes the resolution.</summary>
    public static IEnumerable<nn.Module<Tensor, Tensor>> Blocks(AutoencoderDCConfig config, AutoencoderStage stage) =>
        Enumerable.Range(0, stage.Layers).Select(_ =>
            stage.IsEfficientViT ? (nn.Module<Tensor, Tensor>)new EfficientViTBlock(stage.Channels, config.AttentionHeadDim) : new ResBlock(stage.Channels));
}

/// <summary>Image to latents. The shortcut past the last convolution, a mean over groups of channels, is added to its weights.</summary>
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
            _downBlocks.Add(nn.Sequential([.. AutoencoderDCModule.Blocks(config, stages[i]), .. down is null ? [] : new nn.Module<Tensor, Tensor>[] { down }]));
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

/// <summary>Latents to image. The shortcut past the first convolution, which repeats channels, is added to its weights.</summary>
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
            _upBlocks.Add(nn.Sequential([.. up is null ? [] : new nn.Module<Tensor, Tensor>[] { up }, .. AutoencoderDCModule.Blocks(config, stages[i])]));
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

/// <summary>
/// Halves the sides: a convolution of stride 2, with a shortcut that makes channels of the four pixels of a square and averages groups of them.
/// The shortcut is a convolution with constant weights, so it is added to the weights.
/// </summary>
internal sealed class DCDownBlock2d : nn.Module<Tensor, Tensor>
{
    private readonly Conv2d _conv;
    private readonly Tensor _shortcut;

    public DCDownBlock2d(long from, long to) : base(nameof(DCDownBlock2d))
    {
        register_module("conv", _conv = nn.Conv2d(from, to, 3, stride: 2, padding: 1));

        // Pixel (dy, dx) of channel c is channel 4c + 2dy + dx of the shortcut, and place (dy + 1, dx + 1) of the kernel.
        using var square = Channels.Groups(4 * from, to).view(to, from, 2, 2);
        _shortcut = nn.functional.pad(square, [1, 0, 1, 0]).DetachFromDisposeScope(); // [to, from, 3, 3]
    }

    public override Tensor forward(Tensor x) =>
        nn.functional.conv2d(x, _conv.weight! + _shortcut, _conv.bias, strides: [2, 2], padding: [1, 1]); // [b, to, h / 2, w / 2]
}

/// <summary>
/// Doubles the sides: a convolution after nearest-neighbour upsampling, with a shortcut that repeats channels and makes squares of four pixels of them.
/// Both are computed as one convolution of the small picture that gives the four pixels of a square as channels.
/// </summary>
internal sealed class DCUpBlock2d : nn.Module<Tensor, Tensor>
{
    // Row 2y + d of the result reads rows 2y + d - 1 to 2y + d + 1 of the upsampled picture.
    // These are rows of the small picture at these offsets from y - 1: [d, offset, tap].
    private static readonly float[] Taps = [1, 0, 0, 0, 1, 1, 0, 0, 0, /**/ 0, 0, 0, 1, 1, 0, 0, 0, 1];

    private readonly Conv2d _conv;
    private readonly Tensor _taps, _shortcut;
    private readonly long _inChannels, _outChannels;

    public DCUpBlock2d(long from, long to) : base(nameof(DCUpBlock2d))
    {
        (_inChannels, _outChannels) = (from, to);
        register_module("conv", _conv = nn.Conv2d(from, to, 3, padding: 1));

        using var scope = NewDisposeScope();
        var rows = tensor(Taps).view(2, 1, 3, 1, 3, 1);                                                    // [dy, 1, y, 1, ky, 1]
        _taps = (rows * rows.view(1, 2, 1, 3, 1, 3)).view(4 * 9, 9).DetachFromDisposeScope();              // [dy · dx · y · x, ky · kx]
        var squares = Channels.Groups(4 * to, from).mul(4 * to / from).transpose(0, 1).view(to, 4, from, 1, 1); // [to, dy · dx, from, 1, 1]
        _shortcut = nn.functional.pad(squares.transpose(0, 1), [1, 1, 1, 1]).DetachFromDisposeScope();     // [dy · dx, to, from, 3, 3]
    }

    public override Tensor forward(Tensor x)
    {
        var (batch, height, width) = (x.shape[0], x.shape[2], x.shape[3]);
        var kernels = _taps.matmul(_conv.weight!.view(_outChannels * _inChannels, 9).t()).view(4, 9, _outChannels, _inChannels);         // [dy · dx, y · x, to, from]
        var weight = kernels.permute(0, 2, 3, 1).reshape(4, _outChannels, _inChannels, 3, 3) + _shortcut;                 // [dy · dx, to, from, 3, 3]
        var y = nn.functional.conv2d(x, weight.flatten(0, 1), _conv.bias!.repeat(4), padding: [1, 1]);     // [b, dy · dx · to, h, w]
        var squares = y.permute(0, 2, 3, 1).view(batch, height, width, 2, 2 * _outChannels);                        // [b, h, w, dy, dx · to]
        return squares.transpose(2, 3).reshape(batch, 2 * height, 2 * width, _outChannels).permute(0, 3, 1, 2);     // [b, to, 2h, 2w]
    }
}

/// <summary>Shortcuts between different numbers of channels.</summary>
internal static class Channels
{
    /// <summary>The matrix that averages groups of consecutive channels: [to, from]. Its transpose times from / to repeats each channel.</summary>
    public static Tensor Groups(long from, long to)
    {
        using var whole = eye(to);
        return whole.repeat_interleave(from / to, 1).div_((double)from / to);
    }
}
