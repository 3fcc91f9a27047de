namespace Sana.StillLife.Analysis;

/// <summary>One object of a picture.</summary>
/// <param name="Shape">The shape whose outline fits it best.</param>
/// <param name="Colour">The nearest colour of the palette.</param>
/// <param name="X">Its centre from the left, 0 to 1 of the picture's side.</param>
/// <param name="Y">Its centre from the top, 0 to 1 of the picture's side.</param>
/// <param name="Radius">Its radius, 0 to 1 of the picture's side.</param>
/// <param name="Confidence">How well that outline fits: 1 where the object's own is the same, 0.5 where it is just near enough to be called that shape.</param>
public sealed record SeenObject(Shape Shape, Colour Colour, double X, double Y, double Radius, double Confidence)
{
    /// <summary>The nearest size.</summary>
    public ObjectSize Size => Radius < 0.1175 ? ObjectSize.Small : Radius < 0.17 ? ObjectSize.Medium : ObjectSize.Large;
}
