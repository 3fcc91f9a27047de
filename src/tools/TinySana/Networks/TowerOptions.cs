namespace TinySana.Networks;

/// <summary>Sizes of a stack of transformer layers.</summary>
/// <param name="Width">Of a token.</param>
/// <param name="Layers">How many.</param>
/// <param name="Heads">They divide the width.</param>
internal sealed record TowerOptions(int Width, int Layers, int Heads)
{
    /// <summary>Added to the variance in every layer norm.</summary>
    public const double Epsilon = 1e-5;

    /// <summary>Width inside the MLP.</summary>
    public int Inner => 4 * Width;
}

/// <summary>Sizes of a stack that reads images.</summary>
/// <param name="Width">Of a token.</param>
/// <param name="Layers">How many.</param>
/// <param name="Heads">They divide the width.</param>
/// <param name="Side">Of the image in pixels.</param>
/// <param name="Patch">Side of a patch in pixels.</param>
internal sealed record VisionOptions(int Width, int Layers, int Heads, int Side, int Patch)
{
    public TowerOptions Tower => new(Width, Layers, Heads);

    /// <summary>Patches on a side.</summary>
    public int Cells => Side / Patch;

    /// <summary>The class token, then every patch.</summary>
    public int Tokens => (Cells * Cells) + 1;
}
