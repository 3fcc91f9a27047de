using System.Text;

namespace Sana.Curation.Sources;

/// <summary>
/// Which image a sidecar tells of: the one with the longest stem that its name begins with, as <c>a.txt</c>, <c>a.jpg.txt</c> and <c>a.blip.txt</c> tell of
/// <c>a.jpg</c>.
/// </summary>
internal static class Stems
{
    /// <summary>The stem of the image that a sidecar belongs to, and what stands between it and the ending; null when no image has one.</summary>
    /// <param name="sidecar">The sidecar's name.</param>
    /// <param name="isStem">Whether an image has this stem.</param>
    public static (string Stem, string? Field)? Owner(string sidecar, Func<string, bool> isStem)
    {
        var whole = FileNames.Stem(sidecar);
        var least = whole.LastIndexOf('/') + 1;
        for (var cut = whole.Length; cut > least; cut = whole.LastIndexOf('.', cut - 1))
        {
            if (isStem(whole[..cut]))
                return (whole[..cut], cut == whole.Length ? null : Field(whole[(cut + 1)..]));
        }

        return null;
    }

    // The ending of the image itself says nothing of its caption.
    private static string? Field(string rest)
    {
        var dot = rest.IndexOf('.', StringComparison.Ordinal);
        var first = dot < 0 ? rest : rest[..dot];
        return FileNames.Kind("x." + first) != FileKind.Image ? rest : dot < 0 ? null : rest[(dot + 1)..];
    }

    /// <summary>One form for names that look alike: é may be one letter, or an e with a mark.</summary>
    public static string Folded(string name) => Ascii.IsValid(name) ? name : Normal(name);

    private static string Normal(string name)
    {
        try
        {
            return name.Normalize(NormalizationForm.FormC);
        }
        catch (ArgumentException)
        {
            // half a surrogate pair
            return name;
        }
    }
}
