namespace Sana.StillLife.Analysis;

/// <summary>One object of a picture: the share of each pixel of a window that it covers.</summary>
internal sealed class ObjectMask
{
    private const int MinSamples = 24;

    private readonly float[] _cover;

    /// <param name="picture">The picture.</param>
    /// <param name="background">Its background.</param>
    /// <param name="blob">The object's pixels.</param>
    /// <param name="covered">The pixels that all objects cover.</param>
    /// <param name="colour">The object's colour.</param>
    public ObjectMask(Picture picture, BackgroundEstimate background, List<int> blob, bool[] covered, Rgb colour)
    {
        var side = picture.Side;
        var (left, right) = (blob.Min(at => at % side), blob.Max(at => at % side));
        var (top, bottom) = (blob.Min(at => at / side), blob.Max(at => at / side));
        var margin = 2 + (Math.Max(right - left, bottom - top) / 5);
        (Left, Top) = (Math.Max(left - margin, 0), Math.Max(top - margin, 0));
        (Width, Height) = (Math.Min(right + margin, side - 1) - Left + 1, Math.Min(bottom + margin, side - 1) - Top + 1);
        _cover = new float[Width * Height];

        var core = Blobs.Core(blob, side).ToHashSet();
        foreach (var at in blob)
            Fill(at, core.Contains(at));
        // Pixels outside the blob that the object covers in part: up to two pixels away.
        HashSet<int> rim = [.. blob.SelectMany(at => Blobs.Around(at, side)).Where(at => !covered[at])];
        foreach (var at in rim.Concat(rim.SelectMany(at => Blobs.Around(at, side)).Where(at => !covered[at])).Distinct())
            Fill(at, isCore: false);

        for (var y = 0; y < Height; y++)
        {
            for (var x = 0; x < Width; x++)
            {
                Area += this[x, y];
                (MeanX, MeanY) = (MeanX + (this[x, y] * (Left + x + 0.5)), MeanY + (this[x, y] * (Top + y + 0.5)));
            }
        }

        (MeanX, MeanY) = (MeanX / Math.Max(Area, 1e-6), MeanY / Math.Max(Area, 1e-6));

        void Fill(int at, bool isCore)
        {
            var (x, y) = ((at % side) - Left, (at / side) - Top);
            if (x >= 0 && y >= 0 && x < Width && y < Height)
                _cover[(y * Width) + x] = isCore ? 1 : background.Cover(picture[at], colour);
        }
    }

    public int Left { get; }

    public int Top { get; }

    public int Width { get; }

    public int Height { get; }

    /// <summary>Step between the pixels that are compared with an outline, in both directions.</summary>
    public int Step => Math.Max(Math.Min(Width, Height) / MinSamples, 1);

    /// <summary>The area that it covers, in pixels.</summary>
    public double Area { get; }

    /// <summary>Its centre of mass, in pixels of the picture.</summary>
    public double MeanX { get; }

    /// <summary>Its centre of mass, in pixels of the picture.</summary>
    public double MeanY { get; }

    public float this[int x, int y] => _cover[(y * Width) + x];
}

/// <summary>The background of a picture: one pale tone, made lighter and darker by texture and shadows.</summary>
internal sealed class BackgroundEstimate
{
    // The darkest shadow has 0.7 of the background's brightness; the brightest part of a black object has 0.35.
    private const float DarkestLight = 0.55f;

    // Least distance of an object's colour from the tone at every brightness: gloss on pink over pale pink has 41, shadows up to 6.
    private const float Apart = 26;

    private static readonly float[] Lights = [0.7f, 0.78f, 0.86f, 0.94f, 1.02f];

    private readonly Rgb _tone;

    public BackgroundEstimate(Picture picture)
    {
        var (side, edge) = (picture.Side, Math.Max(picture.Side / 40, 1));
        _tone = picture.Median([.. Enumerable.Range(0, side * side).Where(i => IsEdge(i % side) || IsEdge(i / side))]);

        bool IsEdge(int at) => at < edge || at >= side - edge;
    }

    /// <summary>Whether a pixel belongs to an object and not to the background or a shadow.</summary>
    public bool IsCovered(Rgb pixel)
    {
        var light = Rgb.Dot(pixel, _tone) / Rgb.Dot(_tone, _tone);
        return light < DarkestLight || (pixel - (_tone * light)).Length > Apart;
    }

    /// <summary>
    /// The share of a pixel that an object of a colour covers, 0 to 1: of the best mixture of the colour with the background at any of the brightnesses.
    /// </summary>
    public float Cover(Rgb pixel, Rgb colour)
    {
        // A mixture of black with the background looks like a shadow. This penalty prefers the shadow.
        const float doubt = 12;
        var (cover, least) = (0f, float.MaxValue);
        foreach (var light in Lights)
        {
            var background = _tone * light;
            var whole = colour - background;
            var part = Math.Clamp(Rgb.Dot(pixel - background, whole) / Math.Max(Rgb.Dot(whole, whole), 1), 0, 1);
            var error = (pixel - background - (whole * part)).Length + (doubt * part);
            if (error < least)
                (cover, least) = (part, error);
        }

        return cover;
    }
}
