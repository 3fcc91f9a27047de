namespace Sana.StillLife.Captions;

/// <summary>What a caption says of one object, or of several alike. What it leaves open is null.</summary>
/// <param name="Count">How many; 1 for a noun in the singular, null for a plural without a number.</param>
/// <param name="Shape">What it is.</param>
/// <param name="Colour">Its colour.</param>
/// <param name="Size">Its size.</param>
/// <param name="Place">Where it stands.</param>
public sealed record ObjectClaim(int? Count, Shape? Shape, Colour? Colour, ObjectSize? Size, Place? Place = null)
{
    /// <summary>How many things it claims.</summary>
    public int Claims => (Count is null ? 0 : 1) + (Shape is null ? 0 : 1) + (Colour is null ? 0 : 1) + (Size is null ? 0 : 1) + (Place is null ? 0 : 1);

    /// <summary>Whether shape, colour and size, as far as they are said, are those of an object.</summary>
    public bool Fits(SceneObject one)
    {
        ArgumentNullException.ThrowIfNull(one);
        return (Shape ?? one.Shape) == one.Shape && (Colour ?? one.Colour) == one.Colour && (Size ?? one.Size) == one.Size;
    }
}
