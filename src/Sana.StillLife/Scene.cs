namespace Sana.StillLife;

/// <summary>A still life: its objects, its background and everything that a caption can say about it.</summary>
/// <param name="Arrangement">How the objects are arranged.</param>
/// <param name="Objects">One to four objects, in reading order.</param>
/// <param name="Background">The background.</param>
/// <param name="Word">The word on the card; null without a card.</param>
public sealed record Scene(Arrangement Arrangement, IReadOnlyList<SceneObject> Objects, Background Background, string? Word = null)
{
    /// <summary>The words that cards can show.</summary>
    public static IReadOnlyList<string> Words { get; } = ["sun", "tea", "sky", "art", "jam", "bee", "yes", "map"];

    /// <summary>Whether it shows two objects with a relation that a caption can state.</summary>
    public bool IsPair => Arrangement is Arrangement.SideBySide or Arrangement.Stacked;

    /// <summary>The same pair with its two objects exchanged.</summary>
    public Scene Turned() => this with { Objects = [Objects[1], Objects[0]] };
}

/// <summary>How the objects of a scene are arranged. It decides what a caption can say.</summary>
public enum Arrangement
{
    /// <summary>One object at one of nine places.</summary>
    Alone,

    /// <summary>Two objects, the first left of the second.</summary>
    SideBySide,

    /// <summary>Two objects, the first above the second.</summary>
    Stacked,

    /// <summary>Two to four objects of one kind.</summary>
    Group,

    /// <summary>Three objects in a row, left to right.</summary>
    Trio,

    /// <summary>A card with a word above one object.</summary>
    Sign,
}

/// <summary>The background of a scene.</summary>
/// <param name="Tone">Its colour, always pale.</param>
/// <param name="Texture">Its pattern, always of low contrast.</param>
public sealed record Background(Tone Tone, Texture Texture);

/// <summary>Pale colours of backgrounds.</summary>
public enum Tone
{
    /// <summary>Warm white.</summary>
    Cream,

    /// <summary>Light grey.</summary>
    Grey,

    /// <summary>Pale blue.</summary>
    PaleBlue,

    /// <summary>Pale green.</summary>
    PaleGreen,

    /// <summary>Pale pink.</summary>
    PalePink,
}

/// <summary>Patterns of backgrounds.</summary>
public enum Texture
{
    /// <summary>One colour.</summary>
    Plain,

    /// <summary>Darker towards the bottom.</summary>
    Shaded,

    /// <summary>Broad vertical stripes.</summary>
    Striped,

    /// <summary>A checkerboard.</summary>
    Checked,

    /// <summary>Large dots.</summary>
    Dotted,
}
