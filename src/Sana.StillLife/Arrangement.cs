namespace Sana.StillLife;

/// <summary>How the objects of a scene stand to each other; it decides what a caption can say.</summary>
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

    /// <summary>A card with a word, above one object.</summary>
    Sign,
}
