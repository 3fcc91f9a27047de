using System.Numerics.Tensors;
using Sana.Inference.Imaging;
using Sana.Inference.Runtime;

namespace Sana.Inference.Diffusion;

/// <summary>
/// The image that images begin from, and the one that a control network reads, as latents: the encoder of the autoencoder (diffusers' AutoencoderDC). It is loaded when an image first needs it; the
/// latents of the last pictures are kept, since the images of a run mostly have the same.
/// </summary>
/// <param name="load">Loads the encoder.</param>
/// <param name="maxUntiledPixels">Larger images are encoded in tiles.</param>
internal sealed class StartLatents(Func<OnnxModel> load, int maxUntiledPixels) : IDisposable
{
    private const string Sample = "sample";
    private const string Latents = "latent_sample";

    private const int MostKept = 4;

    private readonly List<((string Sha256, int Height, int Width) Of, FloatTensor Latents)> _kept = [];
    private OnnxModel? _encoder;

    public static OnnxModel Load(string encoderFile, OnnxModelOptions options) => OnnxModel.Load(encoderFile, options, Sample, Latents);

    /// <summary>The picture stretched to a size, as latents [1, channels, height / cell, width / cell], multiplied by the scaling factor; and which cells are painted, null for all.</summary>
    /// <exception cref="ArgumentException">Its pixels are not there.</exception>
    public Start Of(StartImage image, int height, int width, CancellationToken cancellationToken)
    {
        var pixels = image.Pixels ?? throw new ArgumentException("The pixels of the start image are not there.", nameof(image));
        var clean = Kept(image.Sha256, pixels.Image, height, width, cancellationToken);
        return new Start(clean, pixels.Mask?.At((int)clean.Shape[2], (int)clean.Shape[3]));
    }

    /// <summary>The picture that a control network reads, in the same form.</summary>
    /// <exception cref="ArgumentException">Its pixels are not there.</exception>
    public FloatTensor Of(ControlImage image, int height, int width, CancellationToken cancellationToken) =>
        Kept(image.Sha256, image.Pixels ?? throw new ArgumentException("The pixels of the control image are not there.", nameof(image)), height, width, cancellationToken);

    public void Dispose() => _encoder?.Dispose();

    private FloatTensor Kept(string sha256, RgbImage picture, int height, int width, CancellationToken cancellationToken)
    {
        var key = (sha256, height, width);
        if (_kept.Find(each => each.Of == key) is { Latents.Data: not null } known)
            return known.Latents;
        var latents = Encode(StartPixels.Stretched(picture, height, width), cancellationToken);
        if (_kept.Count == MostKept)
            _kept.RemoveAt(0);
        _kept.Add((key, latents));
        return latents;
    }

    private FloatTensor Encode(RgbImage image, CancellationToken cancellationToken)
    {
        var encoder = _encoder ??= load();
        var planes = FloatTensor.Zeros(1, 3, image.Height, image.Width);
        Pixels.ToPlanes(image, planes.Data);
        var latents = (long)image.Height * image.Width > maxUntiledPixels
            ? Tiles.Run(planes, Tiling.Default.Size, Tiling.Default.Stride, Run)
            : Run(planes);
        TensorPrimitives.Multiply(latents.Data, (float)encoder.Metadata.Number("scaling_factor"), latents.Data);
        return latents;

        FloatTensor Run(FloatTensor tile)
        {
            using var input = tile.ToOrtValue();
            using var outputs = encoder.Run([(Sample, input)], [Latents], cancellationToken);
            return FloatTensor.From(outputs[0]);
        }
    }
}

/// <summary>What latents begin from.</summary>
/// <param name="Clean">Latents of the picture, [1, channels, height, width], scaled.</param>
/// <param name="Painted">Which cells are painted, [height × width]; null for all.</param>
internal sealed record Start(FloatTensor Clean, bool[]? Painted)
{
    /// <summary>The picture at a noise level, for each sample, [b, channels, height, width].</summary>
    /// <param name="noise">Of the whole batch.</param>
    /// <param name="mix">Clean latents and noise of one sample, and where they go.</param>
    public FloatTensor At(FloatTensor noise, Mix mix)
    {
        var mixed = FloatTensor.Zeros(noise.Shape);
        var length = Clean.Data.Length;
        for (var from = 0; from < mixed.Data.Length; from += length)
            mix(Clean.Data, noise.Data.AsSpan(from, length), mixed.Data.AsSpan(from, length));
        return mixed;
    }

    /// <summary>Puts the cells that stay back to the picture at a noise level.</summary>
    public void Keep(FloatTensor latents, FloatTensor noise, Mix mix)
    {
        if (Painted is null)
            return;
        var picture = At(noise, mix);
        for (var i = 0; i < latents.Data.Length; i++)
        {
            if (!Painted[i % Painted.Length])
                latents.Data[i] = picture.Data[i];
        }
    }

    /// <summary>The formula of a path: clean latents and noise to the state between them.</summary>
    internal delegate void Mix(ReadOnlySpan<float> clean, ReadOnlySpan<float> noise, Span<float> state);
}
