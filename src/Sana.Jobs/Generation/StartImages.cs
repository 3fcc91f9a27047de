using Sana.Curation.Ingest;
using Sana.Inference;
using Sana.Inference.Diffusion;
using Sana.Inference.Imaging;
using Sana.Jobs.Queue;
using Sana.Storage;
using Sana.Storage.Blobs;

namespace Sana.Jobs.Generation;

/// <summary>
/// The pictures that images begin from, and those that control networks read. A file is decoded by the ingest of curation, which is where foreign files are decoded: its limits, its orientation, its colour profile. It is kept as it came,
/// as a blob under the SHA-256 of its bytes; jobs and runs name the hash, never a place.
/// </summary>
public static class StartImages
{
    /// <summary>Bytes of a picture or a mask.</summary>
    public const long MostBytes = 50L << 20;

    /// <summary>Width × height of a picture or a mask: the largest image that is made.</summary>
    public const long MostPixels = 8192L * 8192;

    private const int HashDigits = 64;

    private static readonly ImageIngest _onWhite = new(Limits("#ffffff"));
    private static readonly ImageIngest _onBlack = new(Limits("#000000"));

    /// <summary>Decodes a picture and its mask; nothing is written.</summary>
    /// <param name="image">A file.</param>
    /// <param name="mask">A file of the same size: what is fully transparent is painted; without transparency what is white. Null: everything may be painted over.</param>
    /// <param name="strength">See <see cref="StartImage.Strength"/>.</param>
    /// <param name="hasOwnMask">A picture without a mask is its own where some of its pixels are fully transparent. Default false: they are white.</param>
    /// <exception cref="InferenceException">A file is none that can be decoded, or they do not fit. The sentence begins with Image or Mask.</exception>
    public static StartFiles Open(byte[] image, byte[]? mask, double? strength, bool hasOwnMask = false)
    {
        ArgumentNullException.ThrowIfNull(image);
        var (picture, hasAlpha) = Pixels(_onWhite, image, "Image");
        if (mask is null && hasOwnMask && hasAlpha && Array.Exists(MaskOf(image).Levels, level => level > 0))
            mask = image;
        var pixels = new StartPixels(picture, mask is null ? null : MaskOf(mask));
        var start = new StartImage(Digest.Sha256(image), picture.Width, picture.Height) { Strength = strength, MaskSha256 = mask is null ? null : Digest.Sha256(mask), Pixels = pixels };
        return new StartFiles(start, mask is null || mask == image ? [image] : [image, mask]);
    }

    /// <summary>Decodes a picture that a control network reads; nothing is written.</summary>
    /// <exception cref="InferenceException">The file is none that can be decoded. The sentence begins with Control image.</exception>
    public static ControlFile OpenControl(byte[] image)
    {
        ArgumentNullException.ThrowIfNull(image);
        return new ControlFile(Controlling(new ControlImage(Digest.Sha256(image)), image), image);
    }

    /// <summary>The blob of a hash.</summary>
    internal static string Blob(string sha256) => $"work/images/{sha256}";

    /// <summary>Writes pictures under their hashes; the same file is there once.</summary>
    internal static async Task Write(IBlobs blobs, IReadOnlyList<byte[]> files, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(blobs);
        foreach (var file in files)
            await blobs.PutOrRepair(Blob(Digest.Sha256(file)), file, cancellationToken);
    }

    /// <summary>The blobs of a picture and its mask.</summary>
    internal static IReadOnlyList<string> BlobsOf(StartImage start) => start.MaskSha256 is { } mask ? [Blob(start.Sha256), Blob(mask)] : [Blob(start.Sha256)];

    /// <summary>All pictures that the options name.</summary>
    internal static IReadOnlyList<string> BlobsOf(StartImage? start, ControlUse? control) =>
        [.. start is null ? [] : BlobsOf(start), .. control?.Image is { } image ? [Blob(image.Sha256)] : Array.Empty<string>()];

    /// <summary>Whether a text can be a hash.</summary>
    internal static bool IsHash(string? text) => text is { Length: HashDigits } && text.All(char.IsAsciiHexDigitLower);

    /// <summary>The same with its pixels and its size.</summary>
    /// <exception cref="JobFaultException">A blob is not there, or is another file than its name says.</exception>
    /// <exception cref="InferenceException">A file is none that can be decoded, or they do not fit.</exception>
    internal static async Task<StartImage> Read(IBlobs blobs, StartImage start, CancellationToken cancellationToken)
    {
        var image = await File(blobs, "start_image", start.Sha256, cancellationToken);
        var mask = start.MaskSha256 is { } sha256 ? await File(blobs, "start_image", sha256, cancellationToken) : null;
        var pixels = new StartPixels(Pixels(_onWhite, image, "Image").Pixels, mask is null ? null : MaskOf(mask));
        return start with { Width = pixels.Image.Width, Height = pixels.Image.Height, Pixels = pixels };
    }

    /// <summary>The same of a control image.</summary>
    /// <exception cref="JobFaultException">The blob is not there, or is another file than its name says.</exception>
    /// <exception cref="InferenceException">The file is none that can be decoded.</exception>
    internal static async Task<ControlImage> Read(IBlobs blobs, ControlImage control, CancellationToken cancellationToken) =>
        Controlling(control, await File(blobs, "control.image", control.Sha256, cancellationToken));

    private static ControlImage Controlling(ControlImage control, byte[] file)
    {
        var pixels = Pixels(_onWhite, file, "Control image").Pixels;
        return control with { Width = pixels.Width, Height = pixels.Height, Pixels = pixels };
    }

    private static async Task<byte[]> File(IBlobs blobs, string field, string? sha256, CancellationToken cancellationToken)
    {
        if (!IsHash(sha256))
            throw new JobFaultException(FaultReason.BadInput, $"{field} names a hash that is not 64 lower-case hexadecimal digits.");
        var length = await blobs.Length(Blob(sha256!), cancellationToken);
        if (length is null or > MostBytes)
            throw new JobFaultException(FaultReason.BadInput, length is null ? $"There is no {Blob(sha256!)}, which {field} names; send the picture again." : $"{Blob(sha256!)} has {length} bytes; the limit is {MostBytes}.");
        var bytes = await blobs.Read(Blob(sha256!), cancellationToken) ?? [];
        return Digest.Sha256(bytes) == sha256 ? bytes : throw new JobFaultException(FaultReason.BadInput, $"{Blob(sha256!)} is another file than its name says; send the picture again.");
    }

    // A pixel is fully transparent where nothing but the background is seen, on white and on black. So masks need no way through the decoder of their own.
    private static PaintMask MaskOf(byte[] mask)
    {
        var (white, isAlpha) = Pixels(_onWhite, mask, "Mask");
        var levels = new byte[white.Width * white.Height];
        var black = isAlpha ? Pixels(_onBlack, mask, "Mask").Pixels : null;
        for (var i = 0; i < levels.Length; i++)
        {
            var (red, green, blue) = (white.Pixels[3 * i], white.Pixels[(3 * i) + 1], white.Pixels[(3 * i) + 2]);
            levels[i] = black is null
                ? (byte)(((299 * red) + (587 * green) + (114 * blue)) / 1000)
                : (byte)((red & green & blue) == byte.MaxValue && (black.Pixels[3 * i] | black.Pixels[(3 * i) + 1] | black.Pixels[(3 * i) + 2]) == 0 ? byte.MaxValue : 0);
        }

        return new PaintMask(white.Width, white.Height, levels);
    }

    private static (RgbImage Pixels, bool HadAlpha) Pixels(ImageIngest ingest, byte[] file, string role)
    {
        var found = ingest.Ingest(file, "", CancellationToken.None);
        return found.File is { } normalised
            ? (ImageIngest.Decode(normalised), found.Notes.Contains(IngestNotes.AlphaFlattened))
            : throw new InferenceException($"{role}: {found.Message}");
    }

    private static IngestOptions Limits(string background) => new() { MaxBytes = MostBytes, MaxPixels = MostPixels, Background = background, Output = ImageFormat.Png };
}

/// <summary>A picture that a control network reads, and its file.</summary>
/// <param name="Image">With its pixels.</param>
/// <param name="File">Its bytes.</param>
public sealed record ControlFile(ControlImage Image, byte[] File)
{
    /// <summary>Writes the file under its hash.</summary>
    /// <exception cref="SanaException">The blobs cannot be written.</exception>
    public Task Write(IBlobs blobs, CancellationToken cancellationToken) => StartImages.Write(blobs, [File], cancellationToken);
}

/// <summary>A picture that images begin from, and its files.</summary>
/// <param name="Image">With its pixels.</param>
/// <param name="Files">The picture, and the mask if there is one.</param>
public sealed record StartFiles(StartImage Image, IReadOnlyList<byte[]> Files)
{
    /// <summary>Writes the files under their hashes; the same file is there once.</summary>
    /// <exception cref="SanaException">The blobs cannot be written.</exception>
    public Task Write(IBlobs blobs, CancellationToken cancellationToken) => StartImages.Write(blobs, Files, cancellationToken);
}
