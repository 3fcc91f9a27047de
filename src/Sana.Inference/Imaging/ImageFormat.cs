namespace Sana.Inference.Imaging;

/// <summary>The file formats images are written in.</summary>
public enum ImageFormat
{
    /// <summary>Exact pixels.</summary>
    Png,

    /// <summary>Smallest common denominator; lossy.</summary>
    Jpeg,

    /// <summary>Smaller than JPEG at the same look; lossy.</summary>
    Webp,
}

/// <summary>What the outside calls a format.</summary>
public static class ImageFormatNames
{
    /// <summary>The media type, such as <c>image/png</c>.</summary>
    public static string ContentType(this ImageFormat format) => format switch
    {
        ImageFormat.Png => "image/png",
        ImageFormat.Jpeg => "image/jpeg",
        ImageFormat.Webp => "image/webp",
        _ => throw new ArgumentOutOfRangeException(nameof(format), format, null),
    };

    /// <summary>The file name's ending with its dot, such as <c>.png</c>.</summary>
    public static string Extension(this ImageFormat format) => format switch
    {
        ImageFormat.Png => ".png",
        ImageFormat.Jpeg => ".jpg",
        ImageFormat.Webp => ".webp",
        _ => throw new ArgumentOutOfRangeException(nameof(format), format, null),
    };
}
