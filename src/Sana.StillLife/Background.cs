namespace Sana.StillLife;

/// <summary>What lies behind the objects.</summary>
/// <param name="Tone">Its colour, always pale.</param>
/// <param name="Texture">Its pattern, always soft.</param>
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

    /// <summary>Broad upright stripes.</summary>
    Striped,

    /// <summary>A chequered cloth.</summary>
    Checked,

    /// <summary>Large dots.</summary>
    Dotted,
}
