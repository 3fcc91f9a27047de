using System.Numerics.Tensors;
using Sana.Inference.Imaging;
using Sana.Inference.Runtime;

namespace Sana.Inference.Diffusion;

/// <summary>
/// The image that images begin from, as latents: the encoder of the autoencoder (diffusers' AutoencoderDC). It is loaded when an image first needs it; the latents of the last picture are kept,
/// since the images of a run mostly begin from the same.
/// </summary>
/// <param name="load">Loads the encoder.</param>
/// <param name="maxUntiledPixels">Larger images are encoded in tiles.</param>
internal sealed class StartLatents(Func<OnnxModel> load, int maxUntiledPixels) : IDisposable
{
    private const string Sample = "sample";
    private const string Latents = "latent_sample";

    private OnnxModel? _encoder;
    private (string Sha256, int Height, int Width)? _last;
    private FloatTensor _kept;

    public static OnnxModel Load(string encoderFile, OnnxModelOptions options) => OnnxModel.Load(encoderFile, options, Sample, Latents);

    /// <summary>The picture stretched to a size, as latents [1, channels, height / cell, width / cell], multiplied by the scaling factor; and which cells are painted, null for all.</summary>
    /// <exception cref="ArgumentException">Its pixels are not there.</exception>
    public Start Of(StartImage image, int height, int width, CancellationToken cancellationToken)
    {
        var pixels = image.Pixels ?? throw new ArgumentException("The pixels of the start image are not there.", nameof(image));
        if (_last != (image.Sha256, height, width))
        {
            _last = null;
            _kept = Encode(pixels.Stretched(height, width), cancellationToken);
            _last = (image.Sha256, height, width);
        }

        return new Start(_kept, pixels.Mask?.At((int)_kept.Shape[2], (int)_kept.Shape[3]));
    }

    public void Dispose() => _encoder?.Dispose();

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
