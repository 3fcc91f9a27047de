using System.Globalization;
using Sana.Inference.Imaging;

namespace Sana.Curation.Ingest;

/// <summary>What ingest accepts, and what it makes of it.</summary>
public sealed record IngestOptions
{
    /// <value>Bytes of a file, 1…1 GiB. Default 64 MiB.</value>
    public long MaxBytes { get; init; } = 64L << 20;

    /// <value>Width times height as the header gives them, 1…500,000,000. Default 100,000,000.</value>
    public long MaxPixels { get; init; } = 100_000_000;

    /// <value>Pixels of the longer side, 1…65,500: a JPEG holds no more. Default 65,500.</value>
    public int MaxSide { get; init; } = 65_500;

    /// <value>
    /// Frames or pages of a file, 1…100,000. Default 10,000: decoders look at all of them to find the first, and take the square of their number in time.
    /// </value>
    public int MaxFrames { get; init; } = 10_000;

    /// <value>
    /// Bytes that decoding may hold at once over all images of the process, 16 MiB…64 GiB, as estimated from each header. Default 640 MiB: 100 megapixels of a
    /// photo, 58 of a WebP, which is decoded as a whole. An image that needs more by itself is refused; one that needs more than is left waits its turn.
    /// </value>
    public long MaxMemory { get; init; } = 640L << 20;

    /// <value>
    /// From the first decoded line to the written file, 10 ms…10 minutes. Default 10 s. Formats that are decoded as a whole (WebP, interlaced PNG) stop only
    /// when they are through, 2 to 4 s at these limits.
    /// </value>
    public TimeSpan Deadline { get; init; } = TimeSpan.FromSeconds(10);

    /// <value>Whether files of more than one frame or page are refused instead of giving their first. Default false.</value>
    public bool RejectAnimated { get; init; }

    /// <value>What shows through transparent pixels: <c>#rrggbb</c>. Default white.</value>
    public string Background { get; init; } = "#ffffff";

    /// <value>Of the normalised file: JPEG without chroma subsampling, or PNG. Default JPEG.</value>
    public ImageFormat Output { get; init; } = ImageFormat.Jpeg;

    /// <value>Of a JPEG, 50…100. Default 95.</value>
    public int Quality { get; init; } = 95;

    internal double[] BackgroundLevels => [.. Convert.FromHexString(Background.AsSpan(1)).Select(level => (double)level)];

    /// <summary>Checks every value.</summary>
    /// <exception cref="CurationException">One is out of range.</exception>
    public void Check()
    {
        InRange(nameof(MaxBytes), MaxBytes, 1, 1L << 30, "67108864");
        InRange(nameof(MaxPixels), MaxPixels, 1, 500_000_000, "100000000");
        InRange(nameof(MaxSide), MaxSide, 1, 65_500, "65500");
        InRange(nameof(MaxFrames), MaxFrames, 1, 100_000, "10000");
        InRange(nameof(MaxMemory), MaxMemory, 16L << 20, 64L << 30, "671088640");
        InRange(nameof(Quality), Quality, 50, 100, "95");
        if (Deadline < TimeSpan.FromMilliseconds(10) || Deadline > TimeSpan.FromMinutes(10))
            throw new CurationException($"{nameof(Deadline)} {Deadline} is outside 10 ms…10 minutes; use 00:00:10.");
        if (Output is not (ImageFormat.Jpeg or ImageFormat.Png))
            throw new CurationException($"{nameof(Output)} {Output} is not possible: training shards hold Jpeg or Png.");
        if (Background is not ['#', _, _, _, _, _, _] || !Background.Skip(1).All(char.IsAsciiHexDigit))
            throw new CurationException($"{nameof(Background)} '{Background}' is no colour; write it as #ffffff.");
    }

    private static void InRange(string name, long value, long least, long most, string usual)
    {
        if (value < least || value > most)
            throw new CurationException(string.Create(CultureInfo.InvariantCulture, $"{name} {value} is outside {least}…{most}; use {usual}."));
    }
}
