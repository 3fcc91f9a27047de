using NetVips;

namespace Sana.Inference.Imaging;

/// <summary>What a file is, found without trusting its name: first bytes, then header, then every pixel is decoded once and thrown away.</summary>
/// <param name="Format">jpeg, png or webp; null when it is rejected.</param>
/// <param name="Width">Pixels.</param>
/// <param name="Height">Pixels.</param>
/// <param name="Reason">Reason code of a file that cannot be used; null for a good image.</param>
/// <param name="Message">One sentence for people.</param>
public sealed record ImageExam(string? Format, int Width, int Height, string? Reason, string? Message)
{
    private const long MaxPixels = 100_000_000;

    /// <summary>Examines one file; never throws for what is in it.</summary>
    public static ImageExam Examine(byte[] bytes)
    {
        ArgumentNullException.ThrowIfNull(bytes);
        if (bytes.Length == 0)
            return Bad("empty_file", "The file has no bytes.");
        if (FormatOf(bytes) is not { } format)
            return Bad("not_an_image", "The file is no JPEG, PNG or WebP by its first bytes.");
        LibVips.Configure();
        try
        {
            using var image = Image.NewFromBuffer(bytes, access: Enums.Access.Sequential, failOn: Enums.FailOn.Truncated);
            if ((long)image.Width * image.Height > MaxPixels)
                return Bad("too_many_pixels", $"The image has {image.Width}×{image.Height} pixels; the limit is {MaxPixels} in all.");
            image.Avg();
            return new ImageExam(format, image.Width, image.Height, null, null);
        }
        catch (VipsException error)
        {
            var line = error.Message.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).LastOrDefault();
            return Bad("decode_error", $"The image cannot be decoded: {line}");
        }
    }

    private static string? FormatOf(ReadOnlySpan<byte> bytes) => bytes switch
    {
        [0xFF, 0xD8, 0xFF, ..] => "jpeg",
        [0x89, (byte)'P', (byte)'N', (byte)'G', ..] => "png",
        [(byte)'R', (byte)'I', (byte)'F', (byte)'F', _, _, _, _, (byte)'W', (byte)'E', (byte)'B', (byte)'P', ..] => "webp",
        _ => null,
    };

    private static ImageExam Bad(string reason, string message) => new(null, 0, 0, reason, message);
}
