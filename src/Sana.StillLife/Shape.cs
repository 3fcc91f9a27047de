namespace Sana.StillLife;

/// <summary>What an object is. All stand upright.</summary>
public enum Shape
{
    /// <summary>A filled circle.</summary>
    Circle,

    /// <summary>A square with level sides.</summary>
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
