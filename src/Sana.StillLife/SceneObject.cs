namespace Sana.StillLife;

/// <summary>One object of a scene.</summary>
/// <param name="Shape">Its shape.</param>
/// <param name="Colour">Its colour.</param>
/// <param name="Size">Its size class.</param>
/// <param name="X">Its centre from the left, 0 to 1 of the picture's side.</param>
/// <param name="Y">Its centre from the top, 0 to 1 of the picture's side.</param>
/// <param name="Radius">Its radius, 0 to 1 of the picture's side.</param>
public sealed record SceneObject(Shape Shape, Colour Colour, ObjectSize Size, double X, double Y, double Radius)
{
    /// <summary>The cell of a 3 × 3 grid that contains its centre.</summary>
    public Place Place => (Place)((3 * Third(Y)) + Third(X));

    private static int Third(double at) => at < 0.375 ? 0 : at < 0.625 ? 1 : 2;
}

/// <summary>The shape of an object. No shape is rotated.</summary>
public enum Shape
{
    /// <summary>A filled circle.</summary>
    Circle,

    /// <summary>A square with horizontal and vertical sides.</summary>
    Square,

    /// <summary>A triangle with its point up.</summary>
    Triangle,

    /// <summary>A star with five points.</summary>
    Star,

    /// <summary>A heart.</summary>
    Heart,

    /// <summary>A circle with a round hole.</summary>
    Ring,

    /// <summary>A plus sign.</summary>
    Cross,

    /// <summary>A crescent, open to the right.</summary>
    Moon,
}

/// <summary>The colour of an object. Backgrounds are pale, so every colour contrasts with them.</summary>
public enum Colour
{
    /// <summary>Red.</summary>
    Red,

    /// <summary>Orange.</summary>
    Orange,

    /// <summary>Yellow.</summary>
    Yellow,

    /// <summary>Green.</summary>
    Green,

    /// <summary>Teal, between green and blue.</summary>
    Teal,

    /// <summary>Blue.</summary>
    Blue,

    /// <summary>Purple.</summary>
    Purple,

    /// <summary>Pink.</summary>
    Pink,

    /// <summary>Brown.</summary>
    Brown,

    /// <summary>Black.</summary>
    Black,
}

/// <summary>The size of an object: its radius as a share of the picture's side, varied by up to 5 %.</summary>
public enum ObjectSize
{
    /// <summary>Radius 0.095.</summary>
    Small,

    /// <summary>Radius 0.14.</summary>
    Medium,

    /// <summary>Radius 0.2.</summary>
    Large,
}

/// <summary>The place of a single object, in reading order.</summary>
public enum Place
{
    /// <summary>Top left.</summary>
    TopLeft,

    /// <summary>At the top.</summary>
    Top,

    /// <summary>Top right.</summary>
    TopRight,

    /// <summary>On the left.</summary>
    Left,

    /// <summary>In the middle.</summary>
    Middle,

    /// <summary>On the right.</summary>
    Right,

    /// <summary>Bottom left.</summary>
    BottomLeft,

    /// <summary>At the bottom.</summary>
    Bottom,

    /// <summary>Bottom right.</summary>
    BottomRight,
}
