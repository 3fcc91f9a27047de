namespace Sana.Inference.Imaging;

/// <summary>The file formats images are written in.</summary>
public enum ImageFormat
{
    /// <summary>Exact pixels.</summary>
    Png,

    /// <summary>Lossy; every program reads it.</summary>
    Jpeg,

    /// <summary>Lossy; smaller than JPEG at the same quality.</summary>
    Webp,
}

/// <summary>Media types and file names of the formats.</summary>
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
