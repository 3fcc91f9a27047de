namespace Sana.StillLife;

/// <summary>Where a lone object stands, in reading order.</summary>
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
