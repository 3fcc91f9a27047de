using NetVips;

namespace Sana.Curation.Ingest;

/// <summary>What a header promises, before a pixel is decoded.</summary>
internal static class LoadedHeader
{
    private const int NormalisedBytes = 3;

    /// <summary>Bytes that decoding will hold at its peak: the normalised pixels, and what the format's decoder keeps beside them.</summary>
    public static long Memory(Image image, string format) => (long)image.Width * image.Height * (NormalisedBytes + DecoderBytes(image, format));

    // Of a pixel, measured with libvips 8.18 as the growth of the process.
    private static int DecoderBytes(Image image, string format) => format switch
    {
        // Coefficients of all scans, two bytes each; half of the usual subsampling's are left out.
        "jpeg" when Flag(image, "jpeg-multiscan") => Text(image, "jpeg-chroma-subsample") == "4:2:0" ? 3 : 2 * image.Bands,
        "png" when image.Contains("interlaced") => image.Bands * SampleBytes(image),
        "webp" => 8,
        "gif" => 8,
        "tiff" => image.Bands * SampleBytes(image), // one strip may hold the whole image
        _ => 0,
    };

    private static int SampleBytes(Image image) => image.Format switch
    {
        Enums.BandFormat.Uchar or Enums.BandFormat.Char => 1,
        Enums.BandFormat.Ushort or Enums.BandFormat.Short => 2,
        Enums.BandFormat.Uint or Enums.BandFormat.Int or Enums.BandFormat.Float => 4,
        Enums.BandFormat.Dpcomplex => 16,
        _ => 8,
    };

    private static bool Flag(Image image, string field) => image.Contains(field) && image.Get(field) is int and not 0;

    private static string? Text(Image image, string field) => image.Contains(field) ? image.Get(field) as string : null;
}
