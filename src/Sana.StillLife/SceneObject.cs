namespace Sana.StillLife;

/// <summary>One object of a scene.</summary>
/// <param name="Shape">What it is.</param>
/// <param name="Colour">Its colour.</param>
/// <param name="Size">Its size in words.</param>
/// <param name="X">Its centre from the left, 0 to 1 of the picture's side.</param>
/// <param name="Y">Its centre from the top, 0 to 1 of the picture's side.</param>
/// <param name="Radius">Its radius, 0 to 1 of the picture's side.</param>
public sealed record SceneObject(Shape Shape, Colour Colour, ObjectSize Size, double X, double Y, double Radius)
{
    /// <summary>The third of the picture in which its centre lies, each way.</summary>
    public Place Place => (Place)((3 * Third(Y)) + Third(X));

    private static int Third(double at) => at < 0.375 ? 0 : at < 0.625 ? 1 : 2;
}
