namespace Sana.StillLife.Analysis;

/// <summary>One object cut out of a picture: which part of each pixel of a window it covers.</summary>
internal sealed class Cutout
{
    private const int Enough = 24;

    private readonly float[] _cover;

    /// <param name="picture">The picture.</param>
    /// <param name="ground">Its background.</param>
    /// <param name="blob">The object's pixels.</param>
    /// <param name="taken">All pixels of all objects.</param>
    /// <param name="colour">The object's own colour.</param>
    public Cutout(Picture picture, Ground ground, List<int> blob, bool[] taken, Tint colour)
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
        // The rim, where less than the mask's part is covered, out to two pixels.
        HashSet<int> rim = [.. blob.SelectMany(at => Blobs.Around(at, side)).Where(at => !taken[at])];
        foreach (var at in rim.Concat(rim.SelectMany(at => Blobs.Around(at, side)).Where(at => !taken[at])).Distinct())
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
                _cover[(y * Width) + x] = isCore ? 1 : ground.Cover(picture[at], colour);
        }
    }

    public int Left { get; }

    public int Top { get; }

    public int Width { get; }

    public int Height { get; }

    /// <summary>Every how many-th pixel each way is enough to compare it with an outline.</summary>
    public int Step => Math.Max(Math.Min(Width, Height) / Enough, 1);

    /// <summary>How many pixels it covers.</summary>
    public double Area { get; }

    /// <summary>Its centre of mass, in pixels of the picture.</summary>
    public double MeanX { get; }

    /// <summary>Its centre of mass, in pixels of the picture.</summary>
    public double MeanY { get; }

    public float this[int x, int y] => _cover[(y * Width) + x];
}
