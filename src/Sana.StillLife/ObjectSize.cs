namespace Sana.StillLife;

/// <summary>How large an object is: its radius as a part of the picture's side.</summary>
public enum ObjectSize
{
    /// <summary>Radius 0.095.</summary>
    Small,

    /// <summary>Radius 0.14.</summary>
    Medium,

    /// <summary>Radius 0.2.</summary>
    Large,
}
