using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using NetVips;

namespace Sana.Curation.Ingest;

/// <summary>
/// What an embedded ICC profile is good for, found by converting a few colours through it; remembered, since a dataset has few profiles and many images.
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
