namespace Sana.StillLife;

/// <summary>How tidy a scene is: the truth that the small aesthetic head is trained on.</summary>
public static class Tidiness
{
    /// <summary>
    /// 1…10. One object in the middle of a background without a pattern has 10. Each further object, and a card, takes 1.5; each further kind of object 1; a pattern 2; and the centre of the
    /// objects up to 2, as it leaves the middle of the picture.
    /// </summary>
    public static double Of(Scene scene)
    {
        ArgumentNullException.ThrowIfNull(scene);
        var objects = scene.Objects;
        var things = objects.Count + (scene.Word is null ? 0 : 1);
        var kinds = objects.Select(one => (one.Shape, one.Colour)).Distinct().Count();
        var hasPattern = scene.Background.Texture is Texture.Striped or Texture.Checked or Texture.Dotted;
        var (x, y) = (objects.Average(one => one.X) - 0.5, objects.Average(one => one.Y) - 0.5);
        var away = Math.Min(Math.Sqrt((x * x) + (y * y)) / 0.35, 1);
        return Math.Clamp(10 - (1.5 * (things - 1)) - (kinds - 1) - (hasPattern ? 2 : 0) - (2 * away), 1, 10);
    }
}
