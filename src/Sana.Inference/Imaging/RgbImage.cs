namespace Sana.Inference.Imaging;

/// <summary>8-bit sRGB pixels, rows top to bottom, three bytes a pixel: [height, width, 3].</summary>
/// <param name="Width">Pixels in a row.</param>
/// <param name="Height">Rows.</param>
/// <param name="Pixels">Exactly <c>Height * Width * 3</c> bytes.</param>
public sealed record RgbImage(int Width, int Height, byte[] Pixels);
