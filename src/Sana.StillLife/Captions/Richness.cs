namespace Sana.StillLife.Captions;

/// <summary>How much a caption says. All are true.</summary>
public enum Richness
{
    /// <summary>Shapes alone: "a circle and a square".</summary>
    Bare,

    /// <summary>Keywords: "red circle, blue square".</summary>
    Terse,

    /// <summary>Kinds: "a red circle and a blue square".</summary>
    Plain,

    /// <summary>Kinds and how they stand: "a red circle to the left of a blue square".</summary>
    Placed,

    /// <summary>Sizes, kinds, how they stand and the background.</summary>
    Rich,
}
