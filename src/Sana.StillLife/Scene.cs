namespace Sana.StillLife;

/// <summary>A still life with all that is true of it.</summary>
/// <param name="Arrangement">How the objects stand to each other.</param>
/// <param name="Objects">One to four objects, in reading order.</param>
/// <param name="Background">What lies behind them.</param>
/// <param name="Word">The word on the card; null without a card.</param>
public sealed record Scene(Arrangement Arrangement, IReadOnlyList<SceneObject> Objects, Background Background, string? Word = null)
{
    /// <summary>Words that are lettered on cards.</summary>
    public static IReadOnlyList<string> Words { get; } = ["sun", "tea", "sky", "art", "jam", "bee", "yes", "map"];

    /// <summary>Whether two objects stand to each other in a way that can be said.</summary>
    public bool IsPair => Arrangement is Arrangement.SideBySide or Arrangement.Stacked;

    /// <summary>A pair with its objects in each other's places.</summary>
    public Scene Turned() => this with { Objects = [Objects[1], Objects[0]] };
}
