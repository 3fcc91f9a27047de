namespace Sana.StillLife.Analysis;

/// <summary>The background: one pale tone, lighter and darker by its texture and by the shadows on it.</summary>
internal sealed class Ground
{
    // Shadows leave 0.7 of the light at their darkest; black, the darkest object, has 0.35 at its brightest.
    private const float DarkestLight = 0.55f;

    // How far a pixel's colour must be from the tone in every light: gloss on pink over pale pink has 41, shadows up to 6.
    private const float Apart = 26;

    private static readonly float[] Lights = [0.7f, 0.78f, 0.86f, 0.94f, 1.02f];

    private readonly Tint _tone;

    public Ground(Picture picture)
    {
        var (side, edge) = (picture.Side, Math.Max(picture.Side / 40, 1));
        _tone = picture.Median([.. Enumerable.Range(0, side * side).Where(i => IsEdge(i % side) || IsEdge(i / side))]);

        bool IsEdge(int at) => at < edge || at >= side - edge;
    }

    /// <summary>Whether a pixel belongs to an object rather than to the background or a shadow.</summary>
    public bool IsCovered(Tint pixel)
    {
        var light = Tint.Dot(pixel, _tone) / Tint.Dot(_tone, _tone);
        return light < DarkestLight || (pixel - (_tone * light)).Length > Apart;
    }

    /// <summary>Which part of a pixel an object of a colour covers, 0 to 1: the mixture with the background in some light that explains it best.</summary>
    public float Cover(Tint pixel, Tint colour)
    {
        // Black mixed with lit ground looks like shadow: in doubt it is the shadow.
        const float doubt = 12;
        var (cover, least) = (0f, float.MaxValue);
        foreach (var light in Lights)
        {
            var ground = _tone * light;
            var whole = colour - ground;
            var part = Math.Clamp(Tint.Dot(pixel - ground, whole) / Math.Max(Tint.Dot(whole, whole), 1), 0, 1);
            var error = (pixel - ground - (whole * part)).Length + (doubt * part);
            if (error < least)
                (cover, least) = (part, error);
        }

        return cover;
    }
}
