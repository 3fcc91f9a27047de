using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TinySana.Networks;

/// <summary>Sizes of both towers.</summary>
/// <param name="Vision">Of the image tower.</param>
/// <param name="Text">Of the text tower.</param>
/// <param name="Vocabulary">Token ids; the last is the end token.</param>
/// <param name="Positions">Longest text in tokens, start and end included.</param>
/// <param name="Projection">Width of the space that both meet in.</param>
internal sealed record ClipOptions(VisionOptions Vision, TowerOptions Text, int Vocabulary, int Positions, int Projection);

/// <summary>CLIP's two towers (arXiv:2103.00020; transformers' CLIPModel), with its tensor names.</summary>
internal sealed class Clip : Network
{
    public Clip(ClipOptions options)
        : base(nameof(Clip))
    {
        Options = options;
        Vision = new ClipVision(this, options.Vision, options.Projection);
        Text = new ClipText(this, options.Text, options.Vocabulary, options.Positions, options.Projection);
        LogitScale = At("logit_scale", tensor((float)Math.Log(1 / 0.07)));
    }

    public ClipOptions Options { get; }

    public ClipVision Vision { get; }

    public ClipText Text { get; }

    /// <summary>Logarithm of what cosines are multiplied by.</summary>
    public Parameter LogitScale { get; }
}
