namespace Sana.StillLife.Analysis;

/// <summary>
/// Reads a picture of the world without any network: what differs from the pale ground in more than its light is an object, its median is its colour, and its shape is the outline that covers it best.
/// </summary>
public static class SceneAnalyser
{
    /// <summary>What fits no outline at least so well is a smudge. Rendered objects have 0.9.</summary>
    public const double LeastConfidence = 0.5;

    // The smallest object, a thin cross of the smallest radius, covers 0.009 of a picture.
    private const double LeastArea = 0.003;

    // The smallest objects have 0.09.
    private const double LeastRadius = 0.06;

    /// <summary>Reads a picture.</summary>
    /// <param name="rgb">side × side × 3 bytes, rows from the top, RGB.</param>
    /// <param name="side">Pixels on a side, at least 32.</param>
    public static SeenScene Read(ReadOnlySpan<byte> rgb, int side)
    {
        var picture = new Picture(rgb, side);
        var ground = new Ground(picture);
        var word = Card.IsIn(picture) ? Card.Read(picture) : null;
        var taken = new bool[picture.Side * picture.Side];
        for (var i = 0; i < taken.Length; i++)
            taken[i] = ground.IsCovered(picture[i]) && (word is null || !Card.IsWithin(((i % picture.Side) + 0.5) / picture.Side, ((i / picture.Side) + 0.5) / picture.Side));

        var least = (int)(LeastArea * taken.Length);
        var objects = Blobs.Of(taken, picture.Side, least).SelectMany(blob => Touching.Parts(picture, ground, blob, taken, least))
            .Where(seen => seen.Radius >= LeastRadius);
        return new([.. objects.OrderBy(one => (int)(one.Y * 3)).ThenBy(one => one.X)], word);
    }
}
