namespace Sana.Inference.Imaging;

/// <summary>8-bit sRGB pixels, rows top to bottom, three bytes a pixel: [height, width, 3].</summary>
/// <param name="Width">Pixels in a row.</param>
/// <param name="Height">Rows.</param>
/// <param name="Pixels">Exactly <c>Height * Width * 3</c> bytes.</param>
public sealed record RgbImage(int Width, int Height, byte[] Pixels)
{
    /// <summary>Checks that there are as many bytes as the size implies. Call it once before reading pixels.</summary>
    /// <exception cref="InferenceException">It has more or fewer.</exception>
    internal void Check()
    {
        if (Width < 1 || Height < 1 || Pixels.Length != 3L * Width * Height)
            throw new InferenceException($"An image of {Width}×{Height} pixels needs {3L * Width * Height} bytes and has {Pixels.Length}.");
    }
}
