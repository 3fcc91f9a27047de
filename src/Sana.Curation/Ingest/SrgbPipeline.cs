using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using NetVips;

namespace Sana.Curation.Ingest;

/// <summary>Converts any image to 8-bit sRGB in three bands as a libvips pipeline. Its stages keep the decoder alive, so they are disposed with it.</summary>
internal sealed class SrgbPipeline : IDisposable
{
    private const string Profile = "icc-profile-data";
    private readonly List<Image> _stages = [];

    /// <summary>Lays the pipeline; nothing is decoded yet.</summary>
    /// <param name="image">As loaded; stays the caller's.</param>
    /// <param name="background">Three levels.</param>
    /// <param name="notes">Takes the codes of what is done.</param>
    public SrgbPipeline(Image image, double[] background, List<string> notes)
    {
        var plain = image.Format is Enums.BandFormat.Complex or Enums.BandFormat.Dpcomplex ? null : Colours(image, notes);
        if (plain is { Bands: 2 or 4 })
        {
            notes.Add(IngestNotes.AlphaFlattened);
            plain = Stage(plain.Flatten(background: background));
        }

        Last = plain is { Bands: 3 } ? Stage(plain.Cast(Enums.BandFormat.Uchar)) : null;
    }

    /// <summary>The image to pull; null for bands that are no colours.</summary>
    public Image? Last { get; }

    /// <summary>Gives the stages back.</summary>
    public void Dispose()
    {
        for (var i = _stages.Count - 1; i >= 0; i--)
            _stages[i].Dispose();
    }

    private Image? Colours(Image image, List<string> notes)
    {
        var colours = image.Bands - (image.HasAlpha() ? 1 : 0);
        if (image.Contains(Profile) && Like(image.Interpretation, colours) is { } like && image.Get(Profile) is byte[] profile)
        {
            switch (ColourProfile.Judge(profile, colours, like))
            {
                case ProfileUse.Converts:
                    notes.Add(IngestNotes.IccConverted);
                    return Stage(ColourProfile.ToSrgb(image));
                case ProfileUse.Broken:
                    notes.Add(IngestNotes.IccIgnored);
                    image = Stage(image.Mutate(bare => bare.Remove(Profile)));
                    break;
            }
        }

        if (image.Interpretation == Enums.Interpretation.Cmyk)
        {
            notes.Add(IngestNotes.CmykNaive);
            return Stage(ColourProfile.CmykToSrgb(image));
        }

        return image.Bands > 4 ? null : Stage(image.Colourspace(Enums.Interpretation.Srgb));
    }

    private Image Stage(Image image)
    {
        _stages.Add(image);
        return image;
    }

    private static Enums.Interpretation? Like(Enums.Interpretation interpretation, int colours) => interpretation switch
    {
        Enums.Interpretation.Srgb or Enums.Interpretation.Rgb or Enums.Interpretation.Rgb16 when colours == 3 => Enums.Interpretation.Srgb,
        Enums.Interpretation.Bw or Enums.Interpretation.Grey16 when colours == 1 => Enums.Interpretation.Bw,
        Enums.Interpretation.Cmyk when colours == 4 => Enums.Interpretation.Cmyk,
        _ => null,
    };
}

/// <summary>
/// Whether an embedded ICC profile can be used, found by converting a few colours through it. Results are kept, since a dataset has few profiles and many
/// images.
/// </summary>
internal static class ColourProfile
{
    private const int Remembered = 256;
    private const int HeaderBytes = 128;

    // Rounding in a profile's curves moves sRGB by a level at most; the nearest other space in use (Display P3) moves some of these colours by dozens.
    private const int SameWithin = 1;
    private static readonly ConcurrentDictionary<(string Hash, int Bands), ProfileUse> _known = new();

    /// <summary>Judges the profile of an image.</summary>
    /// <param name="profile">Its bytes.</param>
    /// <param name="colours">1, 3 or 4 bands without alpha.</param>
    /// <param name="like">Interpretation of the image in 8 bits.</param>
    public static ProfileUse Judge(byte[] profile, int colours, Enums.Interpretation like)
    {
        var key = (Convert.ToHexString(SHA256.HashData(profile)), colours);
        if (_known.TryGetValue(key, out var known))
            return known;
        if (_known.Count >= Remembered)
            _known.Clear();
        return _known[key] = IsFor(profile, colours) ? Try(profile, colours, like) : ProfileUse.Broken;
    }

    // The header alone: whole, an ICC profile at all, and of these colours.
    private static bool IsFor(ReadOnlySpan<byte> profile, int colours) =>
        profile.Length >= HeaderBytes && BinaryPrimitives.ReadUInt32BigEndian(profile) <= profile.Length && profile[36..].StartsWith("acsp"u8)
        && profile[16..].StartsWith(colours switch { 1 => "GRAY"u8, 3 => "RGB "u8, _ => "CMYK"u8 });

    private static ProfileUse Try(byte[] profile, int colours, Enums.Interpretation like)
    {
        var grid = Grid(colours);
        try
        {
            using var bare = Image.NewFromMemory(grid, grid.Length / colours, 1, colours, Enums.BandFormat.Uchar);
            using var tagged = bare.Copy(interpretation: like).Mutate(image => image.Set(GValue.BlobType, "icc-profile-data", profile));
            using var converted = ToSrgb(tagged);
            var levels = converted.WriteToMemory<byte>();
            var isSame = colours == 3 && levels.Length == grid.Length && levels.Zip(grid, (a, b) => Math.Abs(a - b)).Max() <= SameWithin;
            return isSame ? ProfileUse.IsSrgb : ProfileUse.Converts;
        }
        catch (VipsException)
        {
            return ProfileUse.Broken;
        }
    }

    /// <summary>Through the embedded profile to 8-bit sRGB.</summary>
    /// <remarks>libvips would put a profile of its own in the place of one that it cannot use and say nothing; named here is one that fits no image of these
    /// bands, so that it fails.</remarks>
    /// <exception cref="VipsException">The profile is broken, or of other colours.</exception>
    public static Image ToSrgb(Image image) => image.IccTransform(
        "srgb", embedded: true, inputProfile: image.Interpretation == Enums.Interpretation.Cmyk ? "srgb" : "cmyk", intent: Enums.Intent.Perceptual, depth: 8);

    /// <summary>Through common print colours to 8-bit sRGB.</summary>
    public static Image CmykToSrgb(Image image) => image.IccTransform("srgb", inputProfile: "cmyk", intent: Enums.Intent.Perceptual, depth: 8);

    // Five levels of each band in every combination.
    private static byte[] Grid(int colours)
    {
        var count = (int)Math.Pow(5, colours);
        return [.. from index in Enumerable.Range(0, count)
                   from band in Enumerable.Range(0, colours)
                   select (byte)((index / (int)Math.Pow(5, band) % 5) * 63.75)];
    }
}

/// <summary>What to do with an embedded profile.</summary>
internal enum ProfileUse
{
    /// <summary>It cannot convert this image.</summary>
    Broken,

    /// <summary>It says what is assumed anyway.</summary>
    IsSrgb,

    /// <summary>Colours change through it.</summary>
    Converts,
}

/// <summary>Decoded pixels in libvips' own memory, which both it and we look at: [height, width, 3]. They have no metadata.</summary>
internal sealed unsafe class NativePixels : IDisposable
{
    private readonly nint _memory;
    private readonly ulong _size;

    private NativePixels(nint memory, ulong size, int width, int height) => (_memory, _size, Width, Height) = (memory, size, width, height);

    public int Width { get; }

    public int Height { get; }

    /// <summary>Valid until disposed.</summary>
    public ReadOnlySpan<byte> Bytes => new((void*)_memory, checked((int)_size));

    /// <summary>Pulls every pixel through a pipeline of three 8-bit bands.</summary>
    public static NativePixels Decode(Image pipeline)
    {
        var memory = pipeline.WriteToMemory(out var size);
        return new NativePixels(memory, size, pipeline.Width, pipeline.Height);
    }

    /// <summary>The image turned as EXIF's orientation says; pulls from these pixels, so dispose it first.</summary>
    public Image Upright(int orientation)
    {
        using var bare = Image.NewFromMemory(_memory, _size, Width, Height, 3, Enums.BandFormat.Uchar);
        using var stored = bare.Copy(interpretation: Enums.Interpretation.Srgb);
        if (orientation == 1)
            return stored.Copy();
        using var tagged = stored.Mutate(image => image.Set(GValue.GIntType, "orientation", orientation));
        return tagged.Autorot();
    }

    public void Dispose() => NetVips.NetVips.Free(_memory);
}
