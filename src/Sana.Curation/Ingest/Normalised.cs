using NetVips;

namespace Sana.Curation.Ingest;

/// <summary>
/// The way of any image to 8-bit sRGB in three bands: a pipeline that pixels are pulled through. Its stages hold the decoder and what it holds, so they are
/// given back with it.
/// </summary>
internal sealed class Normalised : IDisposable
{
    private const string Profile = "icc-profile-data";
    private readonly List<Image> _stages = [];

    /// <summary>Lays the pipeline; nothing is decoded yet.</summary>
    /// <param name="image">As loaded; stays the caller's.</param>
    /// <param name="background">Three levels.</param>
    /// <param name="notes">Takes the codes of what is done.</param>
    public Normalised(Image image, double[] background, List<string> notes)
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
