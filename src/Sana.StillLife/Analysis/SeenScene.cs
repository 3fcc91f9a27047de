namespace Sana.StillLife.Analysis;

/// <summary>The objects and the word that a picture shows, read from its pixels.</summary>
/// <param name="Objects">The objects in reading order: rows of the picture's thirds from the top, each from the left.</param>
/// <param name="Word">The word on the card; empty if it is none of <see cref="Scene.Words"/>, null without a card.</param>
public sealed record SeenScene(IReadOnlyList<SeenObject> Objects, string? Word)
{
    /// <summary>Number of objects of a shape and, if given, of a colour.</summary>
    public int Count(Shape shape, Colour? colour = null) => Objects.Count(one => one.Shape == shape && (colour is null || one.Colour == colour));
}

/// <summary>One object of a picture.</summary>
/// <param name="Shape">The shape whose outline fits it best.</param>
/// <param name="Colour">The nearest colour of the palette.</param>
/// <param name="X">Its centre from the left, 0 to 1 of the picture's side.</param>
/// <param name="Y">Its centre from the top, 0 to 1 of the picture's side.</param>
/// <param name="Radius">Its radius, 0 to 1 of the picture's side.</param>
/// <param name="Confidence">How well that outline fits: 1 for an equal outline, 0.5 for one that is just near enough to be that shape.</param>
public sealed record SeenObject(Shape Shape, Colour Colour, double X, double Y, double Radius, double Confidence)
{
    /// <summary>The nearest size.</summary>
    public ObjectSize Size => Radius < 0.1175 ? ObjectSize.Small : Radius < 0.17 ? ObjectSize.Medium : ObjectSize.Large;
}
