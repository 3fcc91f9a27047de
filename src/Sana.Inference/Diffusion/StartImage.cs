using System.Security.Cryptography;
using System.Text.Json.Serialization;
using Sana.Inference.Imaging;

namespace Sana.Inference.Diffusion;

/// <summary>The image that images begin from (image to image), and where it may be painted over (inpainting). Two of them are equal when they make the same: the hashes stand for the pixels.</summary>
/// <param name="Sha256">Of the picture's file, or of its pixels, lower-case hex.</param>
/// <param name="Width">Pixels of the picture. Default 0: not known yet.</param>
/// <param name="Height">Pixels of the picture. Default 0: not known yet.</param>
public sealed record StartImage(string Sha256, int Width = 0, int Height = 0)
{
    /// <value>Strength without a mask.</value>
    internal const double DefaultStrength = 0.6;

    /// <value>
    /// Which part of the steps is made, above 0…1: the picture is put at the noise level where they begin, so little leaves much of it, and 1 leaves nothing but what the mask keeps. Default 0.6;
    /// 1 with a mask.
    /// </value>
    public double? Strength { get; init; }

    /// <value>SHA-256 of the mask's file, or of its levels; null where everything may be painted over.</value>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? MaskSha256 { get; init; }

    /// <value>The picture and the mask; they must be there when images are made.</value>
    [JsonIgnore]
    public StartPixels? Pixels { get; init; }

    /// <summary>The start image of pixels.</summary>
    /// <param name="pixels">The picture and the mask.</param>
    /// <param name="strength">See <see cref="Strength"/>.</param>
    public static StartImage Of(StartPixels pixels, double? strength = null)
    {
        ArgumentNullException.ThrowIfNull(pixels);
        return new StartImage(Hash(pixels.Image.Pixels), pixels.Image.Width, pixels.Image.Height)
        {
            Strength = strength,
            MaskSha256 = pixels.Mask is { } mask ? Hash(mask.Levels) : null,
            Pixels = pixels,
        };

        static string Hash(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));
    }

    /// <inheritdoc/>
    public bool Equals(StartImage? other) =>
        other is not null && (Sha256, Width, Height, Strength, MaskSha256) == (other.Sha256, other.Width, other.Height, other.Strength, other.MaskSha256);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Sha256, Width, Height, Strength, MaskSha256);

    /// <summary>The size of the images where it is not asked for: the picture's own, put on a size that the checkpoint was trained on, or on whole cells and no more pixels than its own size has.</summary>
    internal static (int Width, int Height) SizeFor((int Width, int Height) picture, int? width, int? height, bool useBins, CheckpointFacts facts)
    {
        if (picture.Width < 1 || picture.Height < 1 || (width is not null && height is not null))
            return (width ?? facts.NativePixels, height ?? facts.NativePixels);
        var ratio = (double)picture.Height / picture.Width;
        if (width is { } wide)
            return (wide, Legal(wide * ratio));
        if (height is { } high)
            return (Legal(high / ratio), high);
        if (useBins && AspectRatioBins.For(facts.SampleSize) is { } bins)
        {
            var (rows, columns) = bins.Nearest(picture.Height, picture.Width);
            return (columns, rows);
        }

        var scale = Math.Min(1, facts.NativePixels / Math.Sqrt((double)picture.Width * picture.Height));
        return (Legal(picture.Width * scale), Legal(picture.Height * scale));

        int Legal(double side) => (int)Math.Clamp(Math.Round(side / facts.Compression) * facts.Compression, facts.Compression, GenerateOptions.MostPixels / facts.Compression * facts.Compression);
    }

    /// <summary>The same with its strength.</summary>
    /// <param name="steps">Of the schedule, 1 or more.</param>
    /// <exception cref="InferenceException">The strength is out of its range, or leaves no step.</exception>
    internal StartImage Resolve(int steps)
    {
        var resolved = this with { Strength = Strength ?? (MaskSha256 is null ? DefaultStrength : 1) };
        if (resolved.Strength is not (> 0 and <= 1))
            throw new InferenceException(FormattableString.Invariant($"Strength {Strength} is not a number above 0 and up to 1; use {DefaultStrength}."));
        return resolved.FirstStep(steps) < steps
            ? resolved
            : throw new InferenceException(FormattableString.Invariant($"Strength {Strength} leaves none of {steps} steps; use more of it, such as {DefaultStrength}."));
    }

    /// <summary>The first step of the schedule that is made. Resolved. As in diffusers: in double, and the part of a step counts as a whole one.</summary>
    internal int FirstStep(int steps) => (int)Math.Max(steps - Math.Min(steps * Strength!.Value, steps), 0);
}

/// <summary>A picture and where it may be painted over.</summary>
public sealed class StartPixels
{
    // What is painted meets what stays within so many pixels.
    private const int Edge = 8;

    /// <summary>Checks that they fit.</summary>
    /// <param name="image">Any size.</param>
    /// <param name="mask">As large; null where everything may be painted over.</param>
    /// <exception cref="InferenceException">A number of bytes is wrong, the mask has another size, or it paints nothing.</exception>
    public StartPixels(RgbImage image, PaintMask? mask = null)
    {
        ArgumentNullException.ThrowIfNull(image);
        image.Check();
        if (mask is not null)
        {
            if ((mask.Width, mask.Height) != (image.Width, image.Height))
                throw new InferenceException($"Mask has {mask.Width}×{mask.Height} pixels and the image {image.Width}×{image.Height}; they must be of one size, so resize the mask.");
            if (mask.Levels.Length != (long)mask.Width * mask.Height)
                throw new InferenceException($"A mask of {mask.Width}×{mask.Height} pixels needs {(long)mask.Width * mask.Height} bytes and has {mask.Levels.Length}.");
            if (!Array.Exists(mask.Levels, PaintMask.IsPainted))
                throw new InferenceException("Mask paints nothing: none of its pixels is fully transparent, or, where it has no transparency, white.");
        }

        (Image, Mask) = (image, mask);
    }

    /// <summary>The picture.</summary>
    public RgbImage Image { get; }

    /// <summary>Where it may be painted over; null for everywhere.</summary>
    public PaintMask? Mask { get; }

    /// <summary>The picture at another size.</summary>
    internal RgbImage Stretched(int height, int width) => Stretched(Image, height, width);

    /// <summary>A picture at another size.</summary>
    internal static RgbImage Stretched(RgbImage image, int height, int width)
    {
        if ((height, width) == (image.Height, image.Width))
            return image;
        var pixels = new byte[(3 * height * width) + 1];
        PilResize.Cut(image, (width, height), (0, 0), (width, height), PilFilter.Lanczos, pixels);
        return new RgbImage(width, height, pixels[..^1]);
    }

    /// <summary>What was made, with the picture itself where the mask keeps it. Around what is painted one goes over into the other within 8 pixels.</summary>
    internal RgbImage LayBack(RgbImage made)
    {
        if (Mask is null)
            return made;
        var (height, width) = (made.Height, made.Width);
        var kept = Stretched(height, width).Pixels;
        var away = Distances(Mask.At(height, width), height, width);
        var pixels = new byte[3 * height * width];
        for (var i = 0; i < pixels.Length; i++)
        {
            var keep = away[i / 3] / (float)(Edge + 1);
            pixels[i] = (byte)MathF.Round((made.Pixels[i] * (1 - keep)) + (kept[i] * keep));
        }

        return new RgbImage(width, height, pixels);
    }

    // Steps up, down and to the sides from each pixel to the nearest painted one, at most one more than the edge: one pass forwards, one backwards.
    private static byte[] Distances(bool[] painted, int height, int width)
    {
        var away = Array.ConvertAll(painted, paint => (byte)(paint ? 0 : Edge + 1));
        for (var i = 0; i < away.Length; i++)
            Nearer(i, i >= width ? i - width : -1, i % width > 0 ? i - 1 : -1);
        for (var i = away.Length - 1; i >= 0; i--)
            Nearer(i, i + width < away.Length ? i + width : -1, i % width < width - 1 ? i + 1 : -1);
        return away;

        void Nearer(int i, int first, int second)
        {
            if (first >= 0)
                away[i] = Math.Min(away[i], (byte)(away[first] + 1));
            if (second >= 0)
                away[i] = Math.Min(away[i], (byte)(away[second] + 1));
        }
    }
}

/// <summary>Which pixels of an image may be painted over.</summary>
/// <param name="Width">Pixels in a row.</param>
/// <param name="Height">Rows.</param>
/// <param name="Levels">A byte a pixel, rows top to bottom: 128 and more is painted, less stays.</param>
public sealed record PaintMask(int Width, int Height, byte[] Levels)
{
    internal static bool IsPainted(byte level) => level >= 128;

    /// <summary>The mask at another size: a pixel is painted if any is that it covers, so that a thin line is not lost. Cells of latents are pixels of a small size.</summary>
    internal bool[] At(int height, int width)
    {
        var painted = new bool[height * width];
        for (var i = 0; i < painted.Length; i++)
        {
            var ((top, bottom), (left, right)) = (Covered(i / width, height, Height), Covered(i % width, width, Width));
            for (var y = top; y < bottom && !painted[i]; y++)
                painted[i] = Levels.AsSpan((y * Width) + left, right - left).IndexOfAnyInRange((byte)128, byte.MaxValue) >= 0;
        }

        return painted;
    }

    private static (int First, int End) Covered(int i, int target, int source) => ((int)((long)i * source / target), (int)((((long)(i + 1) * source) + target - 1) / target));
}
