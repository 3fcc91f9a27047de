using NetVips;
using Sana.Inference.Imaging;

namespace Sana.Curation.Captioning.Chat;

/// <summary>A normalised image made smaller for those who look at it from afar.</summary>
internal static class ImageShrink
{
    private const int Quality = 92;

    /// <summary>The file as it is when it fits; else a smaller one of the same proportions and format.</summary>
    /// <param name="file">JPEG or PNG that we wrote ourselves.</param>
    /// <param name="mediaType">image/jpeg or image/png.</param>
    /// <param name="width">Pixels.</param>
    /// <param name="height">Pixels.</param>
    /// <param name="side">The longer side of the result at most, in pixels.</param>
    /// <exception cref="EndpointFault">The file cannot be decoded.</exception>
    public static (ReadOnlyMemory<byte> File, string MediaType) ToSide(ReadOnlyMemory<byte> file, string mediaType, int width, int height, int side)
    {
        if (Math.Max(width, height) <= side)
            return (file, mediaType);
        LibVips.Configure();
        try
        {
            using var small = Image.ThumbnailBuffer(file.ToArray(), side, height: side, size: Enums.Size.Down, failOn: Enums.FailOn.Warning);
            var isPng = mediaType == "image/png";
            return (isPng ? small.PngsaveBuffer(keep: Enums.ForeignKeep.None) : small.JpegsaveBuffer(q: Quality, keep: Enums.ForeignKeep.None), mediaType);
        }
        catch (VipsException error)
        {
            var sentence = $"The image of {width}×{height} pixels cannot be made smaller: {error.Message.Split('\n')[0]}";
            throw new EndpointFault(Reasons.CaptionerRefused, sentence, retryable: false);
        }
    }
}
